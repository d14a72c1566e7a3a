"""The floor: bare Django and `requests` passing a completion on, with nothing of a portal. Served like the portal."""

import os

import requests
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

settings.configure(
    SECRET_KEY="floor", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, MIDDLEWARE=[], USE_TZ=True
)
UPSTREAM = os.environ["BENCH_UPSTREAM"] + "/chat/completions"
session = requests.Session()
session.trust_env = False
session.mount("http://", requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=1000))
HEADERS = {"Content-Type": "application/json"}


def completions(request: HttpRequest) -> HttpResponse:
    if b'"stream": true' not in request.body:
        answer = session.post(UPSTREAM, data=request.body, headers=HEADERS, timeout=30)
        return HttpResponse(answer.content, content_type="application/json")
    answer = session.post(UPSTREAM, data=request.body, headers=HEADERS, timeout=30, stream=True)
    body = answer.raw.stream(4096)
    return StreamingHttpResponse(body, content_type="text/event-stream")


urlpatterns = [path("v1/chat/completions", completions)]
application = get_wsgi_application()
