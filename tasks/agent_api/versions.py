"""Which protocol versions this server speaks."""

from scheduler_site.shared.errors import VersionTooOld
from tasks.agent_messages import Proto

OLDEST = 1
NEWEST = 1


def require_common_version(proto: Proto) -> int:
    """The newest version that both sides speak; VersionTooOld when there is none."""
    common = min(proto.max, NEWEST)
    if common < max(proto.min, OLDEST):
        raise VersionTooOld(
            f"This server speaks protocol {OLDEST} to {NEWEST}, the agent {proto.min} to {proto.max}.",
            oldest=OLDEST,
            newest=NEWEST,
        )
    return common
