"""Proves that a claimed script was never executed, tells the server, and removes the folder. Never kills anything."""

import os

from agent_client import wire
from agent_client.http import AgentHttp, ProtocolError
from agent_client.main_agent.context import Context
from agent_client.main_agent.forget import remove_folder
from agent_client.main_agent.memory import BeatMemory
from agent_client.reconcile import NotStarted
from agent_client.retry import FINAL, classify
from agent_client.sub_agent_dir import Locked, SubAgentDir
from agent_client.system_log import EventLog

log = EventLog(loop="beat")


def say_not_started(context: Context, http: AgentHttp, memory: BeatMemory, action: NotStarted) -> None:
    """The sub agent's lock is taken first and kept until the folder is gone: a late sub agent finds nothing to do."""
    folder = SubAgentDir(context.sub_agents / action.sub_agent_id)
    assignment = folder.read_assignment()
    if assignment is None or not _is_proven(folder, memory):
        memory.forget(action.sub_agent_id)
        return
    memory.not_started[action.sub_agent_id] = action.detail
    _tell(http, action, assignment)
    remove_folder(folder.path)
    _let_go(memory, action.sub_agent_id)
    memory.forget(action.sub_agent_id)


def _is_proven(folder: SubAgentDir, memory: BeatMemory) -> bool:
    if folder.sub_agent_id in memory.locks:
        return True
    try:
        descriptor = folder.acquire_lock()
    except Locked:
        return False
    if folder.local_state() != "claimed":
        os.close(descriptor)
        return False
    memory.locks[folder.sub_agent_id] = descriptor
    return True


def _tell(http: AgentHttp, action: NotStarted, assignment: wire.Assignment) -> None:
    """A final refusal (ended meanwhile, unknown) is as good as an answer; anything else is tried again."""
    fields = {"sub_agent_id": action.sub_agent_id, "task_id": assignment["task_id"]}
    try:
        reply = http.not_started(action.sub_agent_id, {"fence": assignment["fence"], "detail": action.detail})
    except ProtocolError as error:
        if classify(error) is not FINAL:
            raise
        log.warning("not_started_refused", **fields, code=error.code, detail=error.detail)
    else:
        log.warning("not_started", **fields, state=reply.get("state"), detail=action.detail)


def _let_go(memory: BeatMemory, sub_agent_id: str) -> None:
    descriptor = memory.locks.pop(sub_agent_id, None)
    if descriptor is not None:
        os.close(descriptor)
