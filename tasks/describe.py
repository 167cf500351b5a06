"""Sentences and badges about a task for people: API, pages and command line show the same words. Asks no database.

Why a task waits is said by tasks.scheduling.explaining.explain, which knows the hosts.
"""

import signal

from tasks.models import SubAgent, Task
from tasks.states import VOID_STATES, EndReason, SubAgentState, TaskStatus

CANCELING = "canceling"
HOST_UNREACHABLE = "host unreachable"
GPU_LOST = "GPU lost"
HELD = "held"
RETRYING = "retrying"
UNCONFIRMED = "end not confirmed"

_SHELL_CODES = {
    126: "a command was found but could not be executed",
    127: "a command was not found",
}
_SIGNAL_BASE = 128  # a shell ends with 128 + N when its command was killed by signal N
_HINTS = {signal.SIGKILL: "often out of memory", signal.SIGSEGV: "a crash inside a program"}


def badges(task: Task, sub_agent: SubAgent | None = None) -> list[str]:
    """What the status alone does not say. `sub_agent`, when given, is `to_be_told_of` it."""
    if task.is_final:
        return [UNCONFIRMED] if sub_agent is not None and is_kept(sub_agent) else []
    found = []
    if task.cancel_requested_at is not None:
        found.append(CANCELING)
    if sub_agent is not None and sub_agent.is_live and sub_agent.unreachable_since is not None:
        found.append(HOST_UNREACHABLE)
    if sub_agent is not None and sub_agent.is_live and sub_agent.gpu_lost_at is not None:
        found.append(GPU_LOST)
    if task.held_at is not None:
        found.append(HELD)
    if task.status == TaskStatus.WAITING and task.retries_used > 0:
        found.append(RETRYING)
    return found


def is_kept(sub_agent: SubAgent) -> bool:
    """Whether something of it may be left on its host, so that what it holds there is kept."""
    allocation = getattr(sub_agent, "allocation", None)
    return allocation is not None and bool(allocation.kept) and allocation.released_at is None


def to_be_told_of(task: Task) -> SubAgent | None:
    """The sub agent whose badges a list shows: in a gang a member that is not heard, else the leader."""
    loaded: list[SubAgent] = task.__dict__.get("latest_sub_agents", [])
    silent = (member for member in loaded if member.is_live and member.unreachable_since is not None)
    return next(silent, None) or task.latest_sub_agent


def end_sentence(task: Task) -> str:
    """How the task ended, in one sentence with its meaning; empty while it is open."""
    if not task.is_final:
        return ""
    if task.status == TaskStatus.CANCELED:
        return _canceled(task)
    if task.status == TaskStatus.COMPLETED:
        return "Completed with exit code 0." + _clause(task.end_detail)
    if task.node_count > 1 and task.end_detail:
        return _sentence(task.end_detail)
    if task.end_reason == EndReason.EXIT and task.exit_code is not None:
        return f"{exit_code_meaning(task.exit_code)}{_clause(task.end_detail)}"
    if task.end_reason == EndReason.SIGNAL and task.exit_signal is not None:
        return f"Killed by signal {task.exit_signal}{_named(task.exit_signal)}.{_clause(task.end_detail)}"
    if task.end_reason == EndReason.OOM and task.end_detail.startswith("Out of "):
        return _sentence(task.end_detail)
    return _reason(task) + _clause(task.end_detail)


def how_it_ended(member: SubAgent) -> str:
    """Of a gang's member that ended without success, as the end of a sentence that begins with its rank."""
    if member.state in VOID_STATES:
        return f"did not start: {_phrase(member.end_detail)}"
    if member.state == SubAgentState.CANCELED:
        return "was stopped"
    return f"{'was lost' if member.state == SubAgentState.LOST else 'failed'}: {_cause(member)}"


def exit_code_meaning(code: int) -> str:
    """The exit code with what shells mean by it."""
    meaning = _SHELL_CODES.get(code) or _signal_meaning(code - _SIGNAL_BASE)
    return f"Exit code {code}: {meaning}." if meaning else f"Exit code {code}."


def signal_name(number: int) -> str:
    """KILL for 9; empty for a number that is no signal here."""
    try:
        return signal.Signals(number).name.removeprefix("SIG")
    except ValueError:
        return ""


def _cause(member: SubAgent) -> str:
    if member.end_reason == EndReason.EXIT and member.exit_code is not None:
        return _phrase(exit_code_meaning(member.exit_code)).replace("Exit", "exit", 1)
    if member.end_reason == EndReason.SIGNAL and member.exit_signal is not None:
        return f"killed by signal {member.exit_signal}{_named(member.exit_signal)}"
    return _phrase(member.end_detail) or EndReason(member.end_reason).label


def _phrase(sentence: str) -> str:
    """A sentence as the end of another one."""
    return sentence.strip().removesuffix(".")


def _signal_meaning(number: int) -> str:
    name = signal_name(number)
    if not name:
        return ""
    hint = _HINTS.get(signal.Signals(number))
    return f"killed ({name}), {hint}" if hint else f"killed ({name})"


def _named(number: int) -> str:
    name = signal_name(number)
    hint = _HINTS.get(signal.Signals(number)) if name else None
    return f" ({name}), {hint}" if hint else f" ({name})" if name else ""


def _canceled(task: Task) -> str:
    if task.end_reason == EndReason.DEPENDENCY:
        return "Canceled." + _clause(task.end_detail or EndReason.DEPENDENCY.label)
    return (
        "Canceled."
        + _clause(task.cancel_reason)
        + _clause(task.end_detail if task.end_detail != task.cancel_reason else "")
    )


def _reason(task: Task) -> str:
    if task.end_reason == EndReason.TIMEOUT and task.time_limit_seconds:
        return f"Stopped at its time limit of {duration(task.time_limit_seconds)}."
    if task.end_reason not in EndReason.values:
        return "Failed."
    return _sentence(EndReason(task.end_reason).label)


def _clause(detail: str) -> str:
    return f" {_sentence(detail)}" if detail else ""


def _sentence(words: str) -> str:
    words = words.strip()
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")


def duration(seconds: int) -> str:
    """3661 as `1 h 1 min 1 s`."""
    parts = ((seconds // 3600, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)
