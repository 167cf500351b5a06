"""Judges sub agents whose local beat has stopped: first a nudge, much later the end. Pure; signals nobody."""

from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["fine", "continue", "kill"]
CONTINUE_AFTER_SECONDS = 15.0
KILL_AFTER_SECONDS = 60.0
LATE_SECONDS = 10.0


@dataclass
class StaleBeats:
    """`judge` is to be called about twice a second. Ages are of the monotonic clock."""

    _nudged_at: dict[str, float] = field(default_factory=dict)
    _judged_at: float | None = None

    def begin_turn(self, now: float) -> None:
        """After a pause of our own (stopped, host frozen) the ages mean nothing yet: everyone gets a new chance."""
        if self._judged_at is not None and now - self._judged_at > LATE_SECONDS:
            self._nudged_at = dict.fromkeys(self._nudged_at, now)
        self._judged_at = now

    def judge(self, sub_agent_id: str, age_seconds: float | None, now: float) -> Verdict:
        if age_seconds is None or age_seconds <= CONTINUE_AFTER_SECONDS:
            self._nudged_at.pop(sub_agent_id, None)
            return "fine"
        if sub_agent_id not in self._nudged_at:
            self._nudged_at[sub_agent_id] = now
            return "continue"
        waited = now - self._nudged_at[sub_agent_id]
        is_over = age_seconds > KILL_AFTER_SECONDS and waited > KILL_AFTER_SECONDS - CONTINUE_AFTER_SECONDS
        return "kill" if is_over else "fine"

    def keep_only(self, alive: set[str]) -> None:
        self._nudged_at = {key: at for key, at in self._nudged_at.items() if key in alive}
