"""Is a host one that a request wants at all: names, pool, capabilities, reservation. Pure; looks at nothing free.

Everything here stays as it is while tasks come and go, so a refusal is final for the host as it is set up.
"""

from tasks.scheduling import capabilities
from tasks.scheduling.values import Host, Refusal, Shape


def refusal(shape: Shape, host: Host) -> Refusal | None:
    reason = _reason(shape, host)
    return Refusal(host.name, reason, is_final=True, lacks="target") if reason else None


def _reason(shape: Shape, host: Host) -> str:
    if shape.reservation_id != host.reservation_id:
        return _other_reservation(shape, host)
    if shape.hosts and host.name not in shape.hosts:
        return "is not one of the hosts asked for"
    if host.name in shape.exclude_hosts:
        return "is excluded by the task"
    if shape.pool and shape.pool not in host.pools:
        return f"is not in the pool {shape.pool}"
    if shape.requires and not capabilities.holds(shape.requires, host.labels):
        return f"does not have {shape.requires}"
    return ""


def _other_reservation(shape: Shape, host: Host) -> str:
    if host.reservation_id is not None:
        return f"holds that part for reservation {host.reservation_id}"
    return f"is outside of reservation {shape.reservation_id}"
