"""Turns what happened to a script into the finish record: reason, exit code or signal, and a sentence. Pure."""

import hashlib
import json
import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent_client import wire
from agent_client.sub_agent.oom_words import Shortage, find, says_killed
from agent_client.sub_agent.supervise import Ending

NEARLY_ALL = 0.9
KILLED_CHILD_EXIT_CODE = 128 + signal.SIGKILL  # what a shell says when the program it waited for was killed


@dataclass(frozen=True)
class Facts:
    """What the record needs besides the ending itself."""

    sizes: Mapping[str, int]
    peak_memory_mib: int | None
    result: Any
    result_sentence: str
    oom_kills_rose: bool
    tails: Sequence[bytes] = ()  # the end of each stream
    memory_limit_mib: int | None = None  # what the script may use: asked for, else all of the host


def finish_of(ending: Ending, facts: Facts) -> wire.Finish:
    shortage = _shortage(ending, facts)
    reason = _reason(ending, shortage)
    sentences = [_sentence(reason, ending, shortage), _leftover_sentence(ending), facts.result_sentence]
    return sealed(
        {
            "reason": reason,
            "exit_code": exit_code(ending.wait_status),
            "signal": ended_by_signal(ending.wait_status),
            "sent_signals": ending.sent_signals,
            "sizes": dict(facts.sizes),
            "duration_seconds": round(ending.duration_seconds, 3),
            "cpu_seconds": round(ending.cpu_seconds, 3),
            "peak_memory_mib": facts.peak_memory_mib,
            "result": facts.result,
            "detail": " ".join(sentence for sentence in sentences if sentence),
            "oom": _as_wire(shortage) if reason == "oom" else None,
            "ended_at": ending.ended_at,
            "survivors": [stat.pid for stat in ending.stuck],
            "digest": "",
        }
    )


def _as_wire(shortage: Shortage | None) -> wire.Oom | None:
    return None if shortage is None else {"kind": shortage.kind, "evidence": shortage.evidence}


def never_ran(
    reason: wire.FinishReason,
    detail: str,
    sizes: Mapping[str, int],
    ended_at: str,
    survivors: Iterable[int] = (),
    *,
    is_host_fault: bool = False,
) -> wire.Finish:
    """The record of a script of which nothing is known but why it has no result of its own."""
    return sealed(
        {
            "reason": reason,
            "exit_code": None,
            "signal": None,
            "sent_signals": [],
            "sizes": dict(sizes),
            "duration_seconds": None,
            "cpu_seconds": None,
            "peak_memory_mib": None,
            "result": None,
            "detail": detail,
            "ended_at": ended_at,
            "survivors": list(survivors),
            "is_host_fault": is_host_fault,
            "digest": "",
        }
    )


def sealed(finish: wire.Finish) -> wire.Finish:
    """The record with its digest, by which the server knows the same record when it comes again."""
    content: dict[str, Any] = {key: value for key, value in finish.items() if key != "digest"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return {**finish, "digest": hashlib.sha256(text.encode()).hexdigest()}


def exit_code(wait_status: int | None) -> int | None:
    return os.WEXITSTATUS(wait_status) if wait_status is not None and os.WIFEXITED(wait_status) else None


def ended_by_signal(wait_status: int | None) -> int | None:
    """The signal's number, or None when no signal ended it."""
    return os.WTERMSIG(wait_status) if wait_status is not None and os.WIFSIGNALED(wait_status) else None


_REASON_OF_STOP: dict[str, wire.FinishReason] = {"timeout": "timeout", "fenced": "fenced"}


def _shortage(ending: Ending, facts: Facts) -> Shortage | None:
    """What memory ran out of, if that ended the script: the kernel's word first, then the script's own last ones."""
    if ending.wait_status in (None, 0):
        return None
    if _was_killed(ending) and facts.oom_kills_rose:
        return Shortage("host", "")
    said = [found for tail in facts.tails if (found := find(tail)) is not None]
    if said:
        return said[0]
    used, limit = facts.peak_memory_mib, facts.memory_limit_mib
    was_full = used is not None and limit is not None and used >= NEARLY_ALL * limit
    if was_full and _was_killed(ending) and any(says_killed(tail) for tail in facts.tails):
        return Shortage("host", "Killed")
    return None


def _was_killed(ending: Ending) -> bool:
    status = ending.wait_status
    return ended_by_signal(status) == signal.SIGKILL or exit_code(status) == KILLED_CHILD_EXIT_CODE


def _reason(ending: Ending, shortage: Shortage | None) -> wire.FinishReason:
    if ending.stuck or ending.wait_status is None:
        return "unkillable"
    if ending.sent_signals:
        return _REASON_OF_STOP.get(ending.stop_reason or "", "cancel")
    if shortage is not None:
        return "oom"
    return "signal" if os.WIFSIGNALED(ending.wait_status) else "exit"


def _sentence(reason: wire.FinishReason, ending: Ending, shortage: Shortage | None) -> str:
    """Only what the other fields do not say: the server has its own words for exit codes, signals and limits."""
    if reason == "unkillable":
        pids = ", ".join(str(stat.pid) for stat in ending.stuck)
        return f"Processes {pids} did not end within 60 s of being killed."
    if reason == "cancel":
        return _stop_sentence(ending)
    if reason == "fenced":
        return "The server was out of reach, so the script was stopped: another host may take over."
    if reason == "oom" and shortage is not None and not shortage.evidence:
        return "The host's kernel killed the script."
    if reason == "signal":
        return "Nightshift did not send the signal."
    return ""


def _stop_sentence(ending: Ending) -> str:
    why = {
        "lost": " because the server had given this attempt up",
        "replaced": " because a newer attempt replaced it",
        "gang": " because another rank of its gang ended",
    }.get(ending.stop_reason or "", "")
    how = "killed" if "KILL" in ending.sent_signals else "stopped"
    return f"The script was {how}{why}."


def _leftover_sentence(ending: Ending) -> str:
    if not ending.leftovers:
        return ""
    what = "One process" if ending.leftovers == 1 else f"{ending.leftovers} processes"
    return f"{what} that the script left running {'was' if ending.leftovers == 1 else 'were'} ended."
