"""Accepts an assignment: durable note first, then the claim, then the durable grant. Starts nothing."""

import errno
import secrets
from typing import Any, cast

from agent_client import wire
from agent_client.failpoints import fail_at
from agent_client.http import AgentHttp, ProtocolError, UnusableReply
from agent_client.main_agent.context import Context
from agent_client.main_agent.forget import remove_folder
from agent_client.main_agent.free_port import free_port
from agent_client.main_agent.memory import BeatMemory
from agent_client.main_agent.state_dir import FULL_DISK
from agent_client.reconcile import Claim
from agent_client.sub_agent.lease import Lease, boottime
from agent_client.sub_agent_dir import SubAgentDir
from agent_client.system_log import EventLog

log = EventLog(loop="beat")
REFUSALS = ("gang_waiting", "sub_agent_closed", "unknown_sub_agent", "bad_message")  # they concern the one alone


def claim(context: Context, http: AgentHttp, memory: BeatMemory, action: Claim) -> bool:
    """True when the script may be launched now. Raises what concerns more than this one sub agent."""
    sub_agent_id = action.sub_agent_id
    assignment = noted(context, http, action)
    if assignment is None:
        return False
    fail_at("claim.before_request")
    sent_at = boottime()
    try:
        grant = http.claim(sub_agent_id, _request(context, assignment))
    except ProtocolError as error:
        refused(context, memory, sub_agent_id, error)
        return False
    except UnusableReply as error:
        return rest(memory, sub_agent_id, error.detail)
    return take(context, http, memory, assignment, grant, sent_at)


def take(
    context: Context,
    http: AgentHttp,
    memory: BeatMemory,
    assignment: wire.Assignment,
    grant: wire.Grant,
    sent_at: float,
) -> bool:
    """Keep what was granted to a claim that was sent then. True when the script may be launched."""
    sub_agent_id = assignment["sub_agent_id"]
    if (grant["sub_agent_id"], grant["fence"]) != (sub_agent_id, assignment["fence"]):
        return rest(memory, sub_agent_id, "the server granted another sub agent")
    fail_at("claim.before_grant")
    try:
        _keep(context, grant, sent_at)
    except OSError as error:
        give_back(context, http, grant, error)
        return False
    memory.claimed(sub_agent_id)
    log.info("claimed", sub_agent_id=sub_agent_id, task_id=grant["task_id"], attempt_no=grant["attempt_no"])
    return True


def claim_again(context: Context, http: AgentHttp, sub_agent_id: str) -> None:
    assignment = SubAgentDir(context.sub_agents / sub_agent_id).read_assignment()
    if assignment is not None:
        ask_again(http, sub_agent_id, _request(context, assignment))


def ask_again(http: AgentHttp, sub_agent_id: str, request: wire.ClaimRequest) -> None:
    """Under the nonce of then, so that the token of then is good again. Whatever is answered, nothing is started, and a
    refusal keeps nothing else of this host waiting."""
    try:
        http.claim(sub_agent_id, request)
    except ProtocolError as error:
        if error.code not in REFUSALS:
            raise
        log.warning("claim_again_refused", sub_agent_id=sub_agent_id, code=error.code, detail=error.detail)
    else:
        log.warning("claimed_again", sub_agent_id=sub_agent_id, detail="the server had forgotten that it granted this")


def rest(memory: BeatMemory, sub_agent_id: str, detail: str) -> bool:
    """Left alone for a while, so that it does not hold up the others."""
    log.error("claim_answered_strangely", sub_agent_id=sub_agent_id, detail=detail)
    memory.rest(sub_agent_id)
    return False


def noted(context: Context, http: AgentHttp, action: Claim, *, syncs_parent: bool = True) -> wire.Assignment | None:
    """The assignment, durably noted; None where that cannot be done, which the server is told."""
    try:
        return _noted(context, action, syncs_parent)
    except OSError as error:
        _reject(context, http, action, error)
        return None


def _noted(context: Context, action: Claim, syncs_parent: bool) -> wire.Assignment:
    """As it lies on disk. The nonce of an earlier try is used again: the server may know it."""
    folder = SubAgentDir.create(context.sub_agents, action.sub_agent_id, is_durable=syncs_parent)
    known = folder.read_assignment()
    if known is not None:
        return known
    if action.assignment is None:
        raise FileNotFoundError(errno.ENOENT, "the assignment is gone", str(folder.path))
    fail_at("assignment.before_note")
    assignment: wire.Assignment = {**action.assignment, "nonce": secrets.token_hex(16)}
    folder.write_assignment(assignment)
    return assignment


def _request(context: Context, assignment: wire.Assignment) -> wire.ClaimRequest:
    return cast("wire.ClaimRequest", {"epoch": context.epoch or 0, **what_is_claimed(assignment)})


def what_is_claimed(assignment: wire.Assignment) -> dict[str, Any]:
    """Only the leader of a gang is asked for a port."""
    gang = assignment.get("gang")
    port = free_port() if gang and gang["rank"] == 0 else None
    return {"fence": assignment["fence"], "nonce": assignment["nonce"], "master_port": port, "fences": True}


def _keep(context: Context, grant: wire.Grant, sent_at: float) -> None:
    """The lease first: with the grant there the script may be launched."""
    folder = SubAgentDir(context.sub_agents / grant["sub_agent_id"])
    if renewal := grant.get("renewal"):
        Lease(folder.path).renew(sent_at, renewal)
    identity = context.identity
    kept: wire.Grant = {
        **grant,
        "server_url": identity.server_url,
        "instance_id": identity.instance_id,
        "host_limits": context.host_limits,
    }
    folder.write_grant(kept)


def _reject(context: Context, http: AgentHttp, action: Claim, error: OSError) -> None:
    """Without a durable note nothing may be claimed. An assignment from disk that vanished needs no answer."""
    if action.assignment is None:
        log.error("claim_failed", sub_agent_id=action.sub_agent_id, detail=str(error))
        return
    reason = "disk_full" if error.errno in FULL_DISK else "state_dir"
    detail = f"The state directory cannot be written: {error.strerror}."
    log.error("rejected", sub_agent_id=action.sub_agent_id, reason=reason, detail=detail)
    http.reject(action.sub_agent_id, {"fence": action.assignment["fence"], "reason": reason, "detail": detail})
    remove_folder(context.sub_agents / action.sub_agent_id)


def refused(context: Context, memory: BeatMemory, sub_agent_id: str, error: ProtocolError) -> None:
    if error.code == "gang_waiting":  # the folder stays: the next turn, or the doorbell, asks again
        log.info("gang_waiting", sub_agent_id=sub_agent_id, detail=error.detail)
    elif error.code == "sub_agent_closed":
        log.info("claim_closed", sub_agent_id=sub_agent_id, state=error.body.get("state"), detail=error.detail)
        remove_folder(context.sub_agents / sub_agent_id)
        memory.forget(sub_agent_id)
    elif error.code in ("unknown_sub_agent", "bad_message"):
        log.error("claim_refused", sub_agent_id=sub_agent_id, code=error.code, detail=error.detail)
        memory.rest(sub_agent_id)
    else:
        raise error


def give_back(context: Context, http: AgentHttp, grant: wire.Grant, error: OSError) -> None:
    """Claimed, but the grant cannot be kept: the script was not started, and another host may have it."""
    detail = f"The state directory cannot be written: {error.strerror}."
    log.error("not_started", sub_agent_id=grant["sub_agent_id"], task_id=grant["task_id"], detail=detail)
    http.not_started(grant["sub_agent_id"], {"fence": grant["fence"], "detail": detail})
    remove_folder(context.sub_agents / grant["sub_agent_id"])
