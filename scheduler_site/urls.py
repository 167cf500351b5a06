"""Mounts pages, APIs and admin. One line for each."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from scheduler_site.access.enter import enter
from scheduler_site.health import health
from scheduler_site.pages.overview import overview

handler500 = "scheduler_site.pages.fault.fault"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(url="/tasks/")),
    path("health/", health, name="health"),
    path("enter/<str:token>", enter, name="enter"),
    path("login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("agent/v1/", include("tasks.agent_api.urls")),
    path("api/", include("scheduler_site.api_urls")),
    path("tasks/", include("tasks.pages.urls")),
    path("agents/", include("tasks.pages.agents_urls")),
    path("agents/", include("agents.pages.urls")),
    path("placement/", include("tasks.pages.placement_urls")),
    path("reservations/", include("tasks.pages.reservations_urls")),
    path("templates/", include("templates_app.pages.urls")),
    path("overview/", overview, name="overview"),
    path("admin/", admin.site.urls),
]
