"""The agents page. Its verbs (add, pause, drain, resume) are in agents.pages.urls, mounted beside it."""

from django.urls import path

from tasks.pages.agents import agents_page
from tasks.pages.host_end import host_remove, host_stop
from tasks.pages.host_gone import host_gone
from tasks.pages.kept import release_kept

urlpatterns = [
    path("", agents_page, name="agents"),
    path("<uuid:agent_id>/release/<int:task_id>/", release_kept, name="agent-release"),
    path("<uuid:agent_id>/gone/", host_gone, name="agent-gone"),
    path("<uuid:agent_id>/stop/", host_stop, name="agent-stop"),
    path("<uuid:agent_id>/remove/", host_remove, name="agent-remove"),
]
