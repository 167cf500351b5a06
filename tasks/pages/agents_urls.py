"""The agents page. Its verbs (add, pause, resume) are in agents.pages.urls, mounted beside it."""

from django.urls import path

from tasks.pages.agents import agents_page
from tasks.pages.host_gone import host_gone

urlpatterns = [
    path("", agents_page, name="agents"),
    path("<uuid:agent_id>/gone/", host_gone, name="agent-gone"),
]
