"""A new secret for this host when the server asks for it: stored durably before it is used.

The one before stays beside it and is tried when the new one is refused: the issue may have been overtaken by a later
one, or the server's database may be an older copy. Never holds up the heartbeat.
"""

import time
from collections.abc import Mapping
from typing import Any

from agent_client.enrolment import Identity, save_identity
from agent_client.failpoints import fail_at
from agent_client.http import AgentHttp, NetworkFailure, ProtocolError
from agent_client.main_agent.context import Context
from agent_client.system_log import EventLog

log = EventLog(loop="beat")
REST_SECONDS = 60.0
UNAUTHORIZED = 401


class Rotation:
    def __init__(self, context: Context, http: AgentHttp) -> None:
        self._context = context
        self._http = http
        self._rests_until = 0.0
        self._has_tried_the_other = False

    def heed(self, reply: Mapping[str, Any]) -> None:
        """A heartbeat was answered, so the secret in use is good; fetch a new one if that is wanted."""
        self._has_tried_the_other = False
        if not reply.get("rotate_secret") or time.monotonic() < self._rests_until:
            return
        try:
            self._rotate()
        except (NetworkFailure, ProtocolError, OSError) as error:
            log.warning("secret_not_rotated", detail=f"{error}; the present one goes on, trying again")
            self._rests_until = time.monotonic() + REST_SECONDS

    def refused(self, error: ProtocolError) -> bool:
        """Go on with the other secret, if there is one. True: try it at once; else both have been refused."""
        if error.status != UNAUTHORIZED or not self._context.identity.previous_secret:
            return False
        self._use(self._context.identity.with_the_other_first())
        self._has_tried_the_other = not self._has_tried_the_other
        return self._has_tried_the_other

    def _rotate(self) -> None:
        secret = self._http.new_secret({"epoch": self._context.epoch or 0})["agent_secret"]
        fail_at("secret.before_store")
        identity = self._context.identity.with_secret(secret)
        save_identity(self._context.config.state_dir, identity)
        fail_at("secret.before_use")
        self._use(identity)
        log.info("secret_rotated")

    def _use(self, identity: Identity) -> None:
        self._context.identity = identity
        self._http.use(identity.credential)
