"""Accepts several assignments with one call: all notes durable first, then the claims, then each grant as if alone.

Says which must be claimed alone after all, because the server is older or does not understand. Starts nothing itself.
"""

import contextlib
from collections.abc import Callable, Sequence
from typing import cast

from agent_client import reply_shapes, wire
from agent_client.atomic import sync_folder
from agent_client.failpoints import fail_at
from agent_client.http import AgentHttp, NetworkFailure, ProtocolError, UnusableReply
from agent_client.main_agent.claim import noted, refused, rest, take, what_is_claimed
from agent_client.main_agent.context import Context
from agent_client.main_agent.folder_faults import FOLDER_FAULTS, log_fault
from agent_client.main_agent.memory import BeatMemory
from agent_client.reconcile import Claim
from agent_client.sub_agent.lease import boottime
from agent_client.sub_agent_dir import SubAgentDir
from agent_client.system_log import EventLog

log = EventLog(loop="beat")
MOST = 16
NOT_TAKEN = (400, 404, 405, 413)  # the call as a whole, whatever the code


class ClaimBatch:
    """`start`: launches a sub agent that was granted; the next grant is looked at when it returns."""

    def __init__(self, context: Context, http: AgentHttp, memory: BeatMemory, start: Callable[[str], None]) -> None:
        self._context = context
        self._http = http
        self._memory = memory
        self._start = start

    def claim(self, actions: Sequence[Claim]) -> Sequence[Claim]:
        """Returns those that are to be claimed alone. Raises what concerns more than one sub agent."""
        left = actions
        while left and not self._memory.claims_alone:
            if not self._claim_some(left[:MOST]):
                self._memory.claims_alone = True
                break
            left = left[MOST:]
        return left

    def _claim_some(self, actions: Sequence[Claim]) -> bool:
        known = [(action, assignment) for action in actions if (assignment := self._noted(action)) is not None]
        if not known:
            return True
        try:
            sync_folder(self._context.sub_agents)  # all their folders at once
        except OSError:
            return False  # each is told to the server for itself
        fail_at("claims.before_request")
        sent_at = boottime()
        replies = self._replies([assignment for _, assignment in known])
        if replies is None:
            return False
        failures: list[Exception] = []
        for (action, assignment), reply in zip(known, replies, strict=True):
            try:
                self._heed(assignment, reply, sent_at)
            except FOLDER_FAULTS as error:
                log_fault(action, error)
            except (NetworkFailure, ProtocolError) as error:
                failures.append(error)
        self._sync_grants(actions)
        if failures:
            raise failures[0]
        return True

    def _noted(self, action: Claim) -> wire.Assignment | None:
        try:
            return noted(self._context, self._http, action, syncs_parent=False)
        except FOLDER_FAULTS as error:
            log_fault(action, error)
            return None

    def _replies(self, assignments: Sequence[wire.Assignment]) -> Sequence[wire.ClaimReply] | None:
        """One for each; None from a server that takes no such call."""
        claims = [{"sub_agent_id": one["sub_agent_id"], **what_is_claimed(one)} for one in assignments]
        try:
            replies = self._http.claims(
                {"epoch": self._context.epoch or 0, "claims": cast("list[wire.ClaimOfOne]", claims)}
            )["replies"]
        except ProtocolError as error:
            if error.status not in NOT_TAKEN:
                raise
            log.info("claims_alone", detail=str(error))
            return None
        except UnusableReply as error:
            log.warning("claims_alone", detail=error.detail)
            return None
        return replies if len(replies) == len(assignments) else None

    def _heed(self, assignment: wire.Assignment, reply: wire.ClaimReply, sent_at: float) -> None:
        sub_agent_id = assignment["sub_agent_id"]
        if reply["code"] == "claim_later":
            self._context.beat_wanted.set()  # it lies here and is claimed with the next beat
        elif reply["code"] != "ok":
            error = ProtocolError(reply["status"], reply["code"], str(reply.get("detail") or ""), reply)
            refused(self._context, self._memory, sub_agent_id, error)
        elif problem := reply_shapes.problem(reply.get("grant"), reply_shapes.CLAIM):
            rest(self._memory, sub_agent_id, f"a grant that cannot be used: {problem}")
        elif take(self._context, self._http, self._memory, assignment, reply["grant"], sent_at):
            self._start(sub_agent_id)

    def _sync_grants(self, actions: Sequence[Claim]) -> None:
        """Their sub agents wait for that, too, and meanwhile have other things to do."""
        for action in actions:
            with contextlib.suppress(OSError):  # it was not granted
                SubAgentDir(self._context.sub_agents / action.sub_agent_id).sync_grant()
