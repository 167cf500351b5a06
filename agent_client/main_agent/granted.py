"""Takes up what was granted ahead: noted, handed to its sub agent, and made durable while that one prepares.

The sub agent waits for the same syncs before it executes anything. Claims nothing.
"""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, cast

from agent_client import wire
from agent_client.atomic import sync_folder
from agent_client.failpoints import fail_at
from agent_client.http import AgentHttp, NetworkFailure, ProtocolError
from agent_client.main_agent.claim import give_back, take
from agent_client.main_agent.claims_ahead import Granted
from agent_client.main_agent.context import Context
from agent_client.main_agent.folder_faults import FOLDER_FAULTS, log_fault
from agent_client.main_agent.memory import BeatMemory
from agent_client.reconcile import Claim
from agent_client.sub_agent_dir import SubAgentDir
from agent_client.system_log import EventLog

log = EventLog(loop="beat")
_OF_ASSIGNMENT = ("sub_agent_id", "fence", "task_id", "attempt_no", "cpu_cores", "memory_mib", "gpus", "gang")


def start_granted(
    context: Context, http: AgentHttp, memory: BeatMemory, found: Sequence[Granted], start: Callable[[str], None]
) -> None:
    """What cannot be kept on disk is given back. That the server cannot be told so changes nothing: it takes back what
    no inventory lists."""
    noted = [(one, assignment) for one in found if (assignment := _noted(context, http, one)) is not None]
    if not noted:
        return
    fail_at("granted.before_start")
    for one, assignment in noted:
        try:
            if take(context, http, memory, assignment, one.grant, one.sent_at):
                start(assignment["sub_agent_id"])
        except FOLDER_FAULTS as error:
            log_fault(Claim(assignment["sub_agent_id"]), error)
        except (NetworkFailure, ProtocolError) as error:
            log.warning("not_given_back", sub_agent_id=assignment["sub_agent_id"], detail=str(error))
    with contextlib.suppress(OSError):  # its sub agent will meet the same, and executes nothing then
        sync_folder(context.sub_agents)  # all their folders at once
    for _, assignment in noted:
        with contextlib.suppress(OSError):  # it was given back
            SubAgentDir(context.sub_agents / assignment["sub_agent_id"]).sync_grant()


def _noted(context: Context, http: AgentHttp, one: Granted) -> wire.Assignment | None:
    """None for what lies here already. Only a note under another nonce, whose claim was refused or is going to be,
    gives way: one sub agent is granted under one nonce."""
    try:
        folder = SubAgentDir.create(context.sub_agents, one.grant["sub_agent_id"], is_durable=False)
        known = folder.read_assignment()
        if known is not None and (folder.local_state() != "assigned" or known["nonce"] == one.nonce):
            return None
        fields: dict[str, Any] = {name: one.grant.get(name) for name in _OF_ASSIGNMENT}
        assignment = cast("wire.Assignment", {**fields, "nonce": one.nonce})
        folder.write_assignment(assignment, syncs_folder=False)
    except OSError as error:
        _give_back(context, http, one.grant, error)
        return None
    except FOLDER_FAULTS as error:  # a damaged folder, or an id that is no name of one
        log.error("granted_strangely", sub_agent_id=one.grant["sub_agent_id"], detail=str(error))
        return None
    return assignment


def _give_back(context: Context, http: AgentHttp, grant: wire.Grant, error: OSError) -> None:
    with contextlib.suppress(NetworkFailure, ProtocolError):
        give_back(context, http, grant, error)
