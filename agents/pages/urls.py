"""What staff do to hosts on the agents page; mounted under /agents/ beside the page itself."""

from django.urls import path

from agents.pages.add_host import add_host
from agents.pages.decide import decide

app_name = "agents"
urlpatterns = [
    path("add/", add_host, name="add"),
    path("<uuid:agent_id>/pause/", decide, {"verb": "pause"}, name="pause"),
    path("<uuid:agent_id>/drain/", decide, {"verb": "drain"}, name="drain"),
    path("<uuid:agent_id>/end-quarantine/", decide, {"verb": "end-quarantine"}, name="end-quarantine"),
    path("<uuid:agent_id>/rotate-secret/", decide, {"verb": "rotate-secret"}, name="rotate-secret"),
    path("<uuid:agent_id>/resume/", decide, {"verb": "resume"}, name="resume"),
]
