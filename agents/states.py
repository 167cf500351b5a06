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
    PAUSED = "paused"  # finishes what runs, gets nothing new
    DEACTIVATED = "deactivated"  # credentials refused


class GpuState(TextChoices):
    READY = "ready"
    ABSENT = "absent"
    DISABLED = "disabled"
    BROKEN = "broken"
    UNKNOWN = "unknown"
