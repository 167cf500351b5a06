"""What the loops of one main agent share. Holds values and wake-ups; does nothing with them."""

import hashlib
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from agent_client import wire
from agent_client.agent_config import AgentConfig
from agent_client.enrolment import Identity
from agent_client.launcher import Launcher
from agent_client.main_agent.claims_ahead import ClaimsAhead
from agent_client.main_agent.local_wish import LocalWish
from agent_client.probes.host import HostProbe
from agent_client.process.cgroup.find import Roots
from agent_client.process.proc import boot_id


@dataclass
class Context:
    """`epoch` is the number of the open session and None while there is none; only the beat loop sets it.

    `latest_epoch`: the latest session that we know of. `wish`: what somebody here asked of us. `cleared`: by id, fences
    of sub agents whose survivors are gone; noted by the watch loop, told by the beat loop. `is_unproven`: this may be a
    copy of another agent's state directory; `is_quarantined`: the server says that somebody else speaks for this host
    as well. `incarnations`: our own, if it could be noted; without it nothing is claimed ahead. `earlier_incarnations`
    are those of this state directory before.
    """

    config: AgentConfig
    identity: Identity
    probe: HostProbe
    launcher: Launcher
    roots: Roots = field(default_factory=Roots)
    epoch: int | None = None
    latest_epoch: int = 0
    cleared: dict[str, int] = field(default_factory=dict)
    is_unproven: bool = False
    is_quarantined: bool = False
    wish: LocalWish = field(default_factory=LocalWish)
    incarnation: str = field(default_factory=lambda: uuid.uuid4().hex)
    boot_id: str = field(default_factory=boot_id)
    started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    beat_done: threading.Event = field(default_factory=threading.Event)
    delivery_wanted: threading.Event = field(default_factory=threading.Event)
    incarnations: list[str] = field(default_factory=list)
    earlier_incarnations: list[str] = field(default_factory=list)
    ahead: ClaimsAhead = field(init=False)

    def __post_init__(self) -> None:
        self.ahead = ClaimsAhead(self.incarnations, self.beat_wanted.set)

    @property
    def beat_wanted(self) -> threading.Event:
        return self.wish.noticed

    @property
    def hands_off(self) -> bool:
        """Whether nothing of what lies here may be acted on: it may be another one's."""
        return self.is_unproven or self.is_quarantined

    @property
    def sub_agents(self) -> Path:
        return self.config.state_dir / "sub_agents"

    @property
    def retained(self) -> Path:
        return self.config.state_dir / "retained"

    @cached_property
    def host_limits(self) -> wire.HostLimits:
        """What each sub agent is told of this host; neither its settings nor its control groups change."""
        return {
            "cgroups": self.roots.as_json(),
            "owner": owner_of(self.config.state_dir),
            "max_processes": self.config.max_processes,
            "enforce_memory": self.config.enforce_memory,
            "spool_mib": self.config.spool_mib,
            "spool_host_mib": self.config.spool_host_mib,
            "min_free_disk_mib": self.config.min_free_disk_mib,
        }


def owner_of(state_dir: Path) -> str:
    """A short name of this main agent among others of the machine, the same at every start."""
    return hashlib.sha256(str(state_dir.absolute()).encode()).hexdigest()[:8]
