"""When a main agent must keep its hands off what lies in its state directory, because it may be another one's.

A copy that speaks beside the original is told so by stale epochs and, soon, by the server's quarantine. One that was
only moved hears nothing of the kind for a few beats, and is itself again.
"""

from collections.abc import Mapping
from typing import Any

from agent_client.main_agent import home
from agent_client.main_agent.context import Context
from agent_client.system_log import EventLog

log = EventLog(loop="beat")
CALM_BEATS = 5


class Care:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._calm = 0

    def heed(self, reply: Mapping[str, Any]) -> bool:
        """Take up what a reply says. True: hands may be laid on again from now on."""
        was_off = self._context.hands_off
        self._note_quarantine(bool(reply.get("quarantined")))
        if self._context.is_unproven and not self._context.is_quarantined and "epoch" not in reply:
            self._calm += 1
            if self._calm >= CALM_BEATS:
                self._context.is_unproven = False
                home.settle(self._context.config.state_dir)
        return was_off and not self._context.hands_off

    def disturbed(self) -> None:
        """Somebody else opened a session."""
        self._calm = 0

    def _note_quarantine(self, is_quarantined: bool) -> None:
        if is_quarantined and not self._context.is_quarantined:
            log.error(
                "quarantined",
                detail="another main agent speaks for this host with the same secret, as if the disk had been copied; "
                "no work is taken, what runs goes on. Remove agent.json of one of the two and enrol it anew",
            )
        elif self._context.is_quarantined and not is_quarantined:
            log.info("quarantine_ended")
        self._context.is_quarantined = is_quarantined
        self._calm = 0 if is_quarantined else self._calm
