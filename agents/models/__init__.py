"""Tables of hosts."""

from agents.models.agent import Agent
from agents.models.enrolment import EnrolmentToken
from agents.models.event import AgentEvent
from agents.models.gpu import Gpu

__all__ = ["Agent", "AgentEvent", "EnrolmentToken", "Gpu"]
