"""Carries out the actions that reconcile has chosen, one verb each. Chooses nothing itself."""

import itertools
from collections.abc import Iterable, Sequence
from typing import cast

from agent_client import wire
from agent_client.http import AgentHttp
from agent_client.journal import task_id_of
from agent_client.main_agent.claim import claim, claim_again
from agent_client.main_agent.claim_batch import ClaimBatch
from agent_client.main_agent.claims_ahead import Granted
from agent_client.main_agent.context import Context
from agent_client.main_agent.folder_faults import FOLDER_FAULTS, log_fault
from agent_client.main_agent.forget import forget_all
from agent_client.main_agent.granted import start_granted
from agent_client.main_agent.launch import launch
from agent_client.main_agent.memory import BeatMemory
from agent_client.main_agent.not_started import say_not_started
from agent_client.reconcile import Action, Claim, ClaimAgain, Deliver, Forget, Launch, Nothing, NotStarted, Reject, Stop
from agent_client.sub_agent.stop_file import request_stop
from agent_client.sub_agent_dir import SubAgentDir
from agent_client.system_log import EventLog

log = EventLog(loop="beat")


class Performer:
    """Network failures go up to the beat loop; what is wrong with one folder is logged and stays there."""

    def __init__(self, context: Context, http: AgentHttp, memory: BeatMemory) -> None:
        self._context = context
        self._http = http
        self._memory = memory
        self._batch = ClaimBatch(context, http, memory, self._start)

    def perform_all(self, actions: Iterable[Action]) -> None:
        """Each in its turn; claims that follow one another go together, where the server takes that, and removals."""
        for kind, some in itertools.groupby(actions, type):
            together: Sequence[Action] = list(some)
            if kind is Claim and len(together) > 1:
                together = self._batch.claim(cast("Sequence[Claim]", together))
            if kind is Forget:
                self._forget([action.sub_agent_id for action in together])
                continue
            for action in together:
                self.perform(action)

    def start_granted(self) -> Sequence[Granted]:
        """What was granted ahead since; returns that."""
        found = self._context.ahead.take()
        if found:
            start_granted(self._context, self._http, self._memory, found, self._start)
        return found

    def perform(self, action: Action) -> None:
        try:
            self._dispatch(action)
        except FOLDER_FAULTS as error:
            log_fault(action, error)

    def _start(self, sub_agent_id: str) -> None:
        try:
            launch(self._context, self._memory, sub_agent_id)
        except FOLDER_FAULTS as error:
            log_fault(Launch(sub_agent_id), error)

    def _dispatch(self, action: Action) -> None:
        folder = SubAgentDir(self._context.sub_agents / action.sub_agent_id)
        match action:
            case Claim():
                if claim(self._context, self._http, self._memory, action):
                    launch(self._context, self._memory, action.sub_agent_id)
                    folder.sync_grant()  # its sub agent waits for that, too, and meanwhile has other things to do
            case ClaimAgain():
                claim_again(self._context, self._http, action.sub_agent_id)
            case Launch():
                launch(self._context, self._memory, action.sub_agent_id)
            case Reject():
                self._reject(action)
            case Stop():
                if request_stop(folder, action.stop):
                    self._log_stop(folder, action)
            case NotStarted():
                say_not_started(self._context, self._http, self._memory, action)
            case Deliver():
                self._deliver(folder, action)
            case Forget():
                self._forget([action.sub_agent_id])
            case Nothing():
                log.warning("ignored", sub_agent_id=action.sub_agent_id, detail=action.why)

    def _forget(self, sub_agent_ids: Sequence[str]) -> None:
        """What is granted meanwhile does not wait for the end of it."""
        forget_all([self._context.sub_agents / sub_agent_id for sub_agent_id in sub_agent_ids], self.start_granted)
        for sub_agent_id in sub_agent_ids:
            self._memory.forget(sub_agent_id)

    def _log_stop(self, folder: SubAgentDir, action: Stop) -> None:
        fields = {"sub_agent_id": action.sub_agent_id, "task_id": task_id_of(folder)}
        log.info("stop_requested", **fields, reason=action.stop["reason"], kill_now=action.stop["kill_now"])

    def _reject(self, action: Reject) -> None:
        log.warning("rejected", sub_agent_id=action.sub_agent_id, reason=action.reason, detail=action.detail)
        request: wire.RejectRequest = {"fence": action.fence, "reason": action.reason, "detail": action.detail}
        self._http.reject(action.sub_agent_id, request)

    def _deliver(self, folder: SubAgentDir, action: Deliver) -> None:
        if action.again:
            (folder.path / "delivered.json").unlink(missing_ok=True)
        self._context.delivery_wanted.set()
