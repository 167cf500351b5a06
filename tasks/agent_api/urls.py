"""Routes under /agent/v1/. Attempt-level calls (report, log) stay as they are for two protocol versions."""

from django.urls import path, re_path

from tasks.agent_api.claim import ClaimView, GiveBackView
from tasks.agent_api.claims import ClaimsView
from tasks.agent_api.heartbeat import HeartbeatView
from tasks.agent_api.log import LogView
from tasks.agent_api.register import RegisterView
from tasks.agent_api.report import ReportView
from tasks.agent_api.secret import SecretView
from tasks.agent_api.session import SessionView
from tasks.agent_api.unknown import unknown_call
from tasks.agent_api.wait import WaitView
from tasks.states import SubAgentState

urlpatterns = [
    path("register", RegisterView.as_view()),
    path("session", SessionView.as_view()),
    path("heartbeat", HeartbeatView.as_view()),
    path("secret", SecretView.as_view()),
    path("wait", WaitView.as_view()),
    path("claims", ClaimsView.as_view()),
    path("report", ReportView.as_view()),
    path("sub-agents/<uuid:sub_agent_id>/claim", ClaimView.as_view()),
    path("sub-agents/<uuid:sub_agent_id>/reject", GiveBackView.as_view(state=SubAgentState.REJECTED)),
    path("sub-agents/<uuid:sub_agent_id>/not-started", GiveBackView.as_view(state=SubAgentState.NOT_STARTED)),
    path("sub-agents/<uuid:sub_agent_id>/log", LogView.as_view()),
    re_path(r"^(?P<rest>[\s\S]+)$", unknown_call),
]
