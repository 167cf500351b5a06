"""Is the state directory where this agent left it? A copy of it must not act in the name of the original.

A copy has another inode, on another machine another machine id as well. One that was only moved looks the same, so
nothing is refused for it: the agent is careful until the server has heard nobody else for a while (beat_loop).
"""

from pathlib import Path

from agent_client.atomic import Unreadable, read_json, write_json
from agent_client.probes.machine import machine_id
from agent_client.system_log import EventLog

log = EventLog(loop="main")
FILE = "home.json"


def is_own(state_dir: Path) -> bool:
    """True as well where nothing was noted yet: the first start, or the first of this version."""
    try:
        noted = read_json(state_dir / FILE)
    except Unreadable:
        return False
    return noted is None or noted == _here(state_dir)


def settle(state_dir: Path) -> None:
    """From now on this is its place. Not being able to note it only means to be careful again next time."""
    if not (state_dir / FILE).exists() or not is_own(state_dir):
        try:
            write_json(state_dir / FILE, _here(state_dir))
        except OSError as error:
            log.warning("home_not_noted", detail=str(error))


def _here(state_dir: Path) -> dict[str, object]:
    return {"machine_id": machine_id(), "inode": state_dir.stat().st_ino}
