"""What one was told about one's account."""

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts import notices as told
from accounts.models import Notice

PAGE = 30


@never_cache
@login_required
@require_GET
def notices(request: HttpRequest) -> HttpResponse:
    """The newest first; looking at the first page makes all of them read."""
    page = Paginator(Notice.objects.visible_to(request.user), PAGE).get_page(
        request.GET.get("page")
    )
    rows = [
        {
            "row": row,
            "title": told.title_of(row),
            "words": told.words_of(row),
            "is_new": row.read_at is None,
        }
        for row in page
    ]
    if page.number == 1:
        told.mark_read(request.user)
    return render(request, "account/notices.html", {"notices": rows, "page": page})
