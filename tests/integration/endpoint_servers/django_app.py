"""The application in Django, in one file."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from jobs import GRACE, manifest

from rota.endpoint.wsgi import RotaMiddleware

settings.configure(
    ROOT_URLCONF=__name__,
    SECRET_KEY="of a test",
    ALLOWED_HOSTS=["127.0.0.1"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
)


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"shop {os.getpid()}")


def order(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body)


urlpatterns = [path("", page), path("orders", order)]
app = RotaMiddleware(get_wsgi_application(), manifest=manifest, concurrency=2, grace=GRACE)
