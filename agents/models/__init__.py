"""Tables of hosts."""

from agents.models.access_rule import AccessRule
from agents.models.agent import Agent
from agents.models.breaker import Breaker
from agents.models.capability import Capability
from agents.models.counted_resource import CountedResource
from agents.models.enrolment import EnrolmentToken
from agents.models.event import AgentEvent
from agents.models.gpu import Gpu
from agents.models.placement_event import PlacementEvent
from agents.models.placement_rules import PlacementRules
from agents.models.pool import Pool

__all__ = [
    "AccessRule",
    "Agent",
    "AgentEvent",
    "Breaker",
    "Capability",
    "CountedResource",
    "EnrolmentToken",
    "Gpu",
    "PlacementEvent",
    "PlacementRules",
    "Pool",
]
