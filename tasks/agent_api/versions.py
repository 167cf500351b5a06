"""Which protocol versions this server speaks."""

from agents.models import Agent
from agents.sessions import require_epoch
from scheduler_site.shared.errors import StaleEpoch, VersionTooOld
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


def require_session(agent: Agent, epoch: int) -> None:
    """The host's latest session, in a version that is still spoken. After an update of the server a host whose session
    is in an older one opens a new session, which agrees on a version or says that there is none."""
    require_epoch(agent, epoch)
    if not OLDEST <= agent.proto <= NEWEST:
        raise StaleEpoch(f"Session {epoch} speaks protocol {agent.proto}; this server speaks {OLDEST} to {NEWEST}.")
