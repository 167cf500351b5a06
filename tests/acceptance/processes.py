"""Look at real processes of a test through /proc. Ends nothing."""

import json
from pathlib import Path

from tests.running import AgentProcess


def peak_memory_mib(pid: int) -> float:
    """The most memory the process ever held at once (VmHWM); 0 when it is gone."""
    return _status(pid, "VmHWM") / 1024


def parent_of(pid: int) -> int:
    return int(_status(pid, "PPid"))


def script_pid(agent: AgentProcess, task_id: int) -> int | None:
    """The process that executes the script of a task's latest attempt on this host."""
    for record in (agent.state_dir / "sub_agents").glob("*/started.json"):
        assignment = json.loads((record.parent / "assignment.json").read_text())
        if assignment["task_id"] == task_id:
            return int(json.loads(record.read_text())["pid"])
    return None


def is_running(pid: int) -> bool:
    """Neither gone nor a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def with_variable(name: str, value: str) -> list[int]:
    """Processes that have this in their environment."""
    wanted = f"{name}={value}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and wanted in _environment(entry) and is_running(int(entry.name)):
            found.append(int(entry.name))
    return found


def _environment(entry: Path) -> list[bytes]:
    try:
        return (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _status(pid: int, key: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((float(line.split()[1]) for line in lines if line.startswith(f"{key}:")), 0)
