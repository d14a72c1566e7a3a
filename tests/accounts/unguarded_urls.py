"""The portal's routes, and views that write without asking anybody."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from portal.route_classes import RouteClass, classed
from portal.urls import urlpatterns as ours
from projects.models import Project, ProjectGuard


@csrf_exempt
def unguarded(request: HttpRequest, what: str) -> HttpResponse:
    if what == "update":
        Project.objects.update(log_content=False)
    elif what == "save":
        project = Project.objects.get(slug="assistant")
        project.log_content = False
        project.save()
    elif what == "delete":
        ProjectGuard.objects.first().delete()
    else:
        rows = ProjectGuard.objects.all()
        rows._raw_delete(rows.db)
    return HttpResponse("done")


urlpatterns = [
    *classed(RouteClass.MANAGEMENT, [path("api/unguarded/<what>/", unguarded)]),
    *ours,
]
