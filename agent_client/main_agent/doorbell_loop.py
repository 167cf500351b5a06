"""Waits at the server's door and rings for a heartbeat. A lost ring costs one heartbeat interval and nothing else."""

import time

from agent_client.http import NetworkFailure, ProtocolError
from agent_client.main_agent.context import Context
from agent_client.retry import Backoff

NO_SESSION_SECONDS = 0.2
BEAT_PATIENCE_SECONDS = 20.0
SHORTEST_WAIT_SECONDS = 1.0  # a server that answers "nothing" at once is not asked again at once


class DoorbellLoop:
    """Has a connection of its own: the wait would hold up a heartbeat."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._http = context.identity.http()
        self._backoff = Backoff()

    def run(self) -> None:
        while True:
            time.sleep(self.turn())

    def turn(self) -> float:
        """One wait; returns the seconds until the next."""
        epoch = self._context.epoch
        if epoch is None:
            return NO_SESSION_SECONDS
        credential = self._context.identity.credential
        self._http.use(credential)
        began_at = time.monotonic()
        try:
            rings = self._http.wait(epoch)["beat"]
        except (NetworkFailure, ProtocolError) as error:  # the beat loop meets the same failure and says so
            is_old = credential != self._context.identity.credential  # it was changed meanwhile
            return NO_SESSION_SECONDS if is_old else self._backoff.after(error)
        self._backoff.reset()
        if rings:
            self._ring()
            return 0.0
        return max(0.0, began_at + SHORTEST_WAIT_SECONDS - time.monotonic())

    def _ring(self) -> None:
        """The bell goes on ringing until the heartbeat has been heard, so wait for that one."""
        self._context.beat_done.clear()
        self._context.beat_wanted.set()
        self._context.beat_done.wait(BEAT_PATIENCE_SECONDS)
