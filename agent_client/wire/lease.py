"""The lease of a failover task, as replies to claims and reports grant it."""

from typing import TypedDict


class Renewal(TypedDict):
    """For how long a failover task may run from the sending of the call that this answers, and when it is dead then."""

    stop_after_seconds: float
    kill_within_seconds: float
