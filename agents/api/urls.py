"""Routes under /api/ that need no tasks: what operators do to hosts, and the rules of placement."""

from django.urls import path

from agents.api.operations import (
    AgentEvents,
    Deactivate,
    Drain,
    EndQuarantine,
    Pause,
    Reactivate,
    Resume,
    RotateSecret,
)
from agents.api.placement import Placement

urlpatterns = [
    path("placement/", Placement.as_view(), name="api-placement"),
    path("agents/<uuid:pk>/pause/", Pause.as_view(), name="api-agent-pause"),
    path("agents/<uuid:pk>/resume/", Resume.as_view(), name="api-agent-resume"),
    path("agents/<uuid:pk>/drain/", Drain.as_view(), name="api-agent-drain"),
    path("agents/<uuid:pk>/deactivate/", Deactivate.as_view(), name="api-agent-deactivate"),
    path("agents/<uuid:pk>/end-quarantine/", EndQuarantine.as_view(), name="api-agent-end-quarantine"),
    path("agents/<uuid:pk>/rotate-secret/", RotateSecret.as_view(), name="api-agent-rotate-secret"),
    path("agents/<uuid:pk>/reactivate/", Reactivate.as_view(), name="api-agent-reactivate"),
    path("agents/<uuid:pk>/events/", AgentEvents.as_view(), name="api-agent-events"),
]
