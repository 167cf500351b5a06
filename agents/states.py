"""States of a host, declared once. Do not say who changes them: agents.supervision and agents.administration do."""

from django.db.models import TextChoices


class Connectivity(TextChoices):
    """What the server hears of a host; written by agents.sessions and agents.supervision only."""

    ONLINE = "online"
    SUSPECT = "suspect"  # 6 s without a heartbeat: no new work
    UNREACHABLE = "unreachable"  # 30 s: shown offline; nothing is killed or failed for this alone


class Standing(TextChoices):
    """What an operator decided about a host."""

    ACTIVE = "active"
    DRAINING = "draining"  # gets nothing new, and is paused when what runs has ended
    PAUSED = "paused"  # finishes what runs, gets nothing new
    DEACTIVATED = "deactivated"  # credentials refused
    REMOVED = "removed"  # never to come back under this id; its history stays


RETIRED = (Standing.DEACTIVATED, Standing.REMOVED)


class Wish(TextChoices):
    """What an operator asked of a main agent; it is told with every heartbeat until it has ended."""

    NONE = "", "none"
    END = "end", "end now"
    END_WHEN_EMPTY = "end_when_empty", "end when nothing runs"


class GpuState(TextChoices):
    READY = "ready"
    ABSENT = "absent"
    DISABLED = "disabled"
    BROKEN = "broken"
    UNKNOWN = "unknown"


class PolicyName(TextChoices):
    """How one host is chosen among those where a task fits; the rules are in tasks/scheduling/policies."""

    FRAGMENTATION = "fragmentation", "fragmentation-aware: keep GPUs usable for what comes next"
    BEST_FIT = "best_fit", "best fit: the host that has least left afterwards"
    FIRST_FIT = "first_fit", "first fit: the first host by name"
    ROUND_ROBIN = "round_robin", "round robin: one host after the other"
    LEAST_LOADED = "least_loaded", "least loaded: the host with most left"
    WEIGHTED = "weighted", "weighted: in proportion to the weights of the hosts"
    NEAREST = "nearest", "nearest: the zone closest to the task's"
    RANDOM = "random", "random: any host with room, each as likely as the other"
