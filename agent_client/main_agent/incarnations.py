"""The names under which this state directory's main agents have claimed ahead, durably noted before the first claim.

What such a one was granted is in its folder, durably, before it is started: a grant whose folder is not here never was.
"""

from pathlib import Path

from agent_client.atomic import Unreadable, read_json, write_json
from agent_client.system_log import EventLog

log = EventLog(loop="main")
FILE = "incarnations.json"
MOST = 8  # of older ones a server is not told any more: what they were granted counts as lost


def begin(state_dir: Path, incarnation: str, *, is_own: bool = True) -> tuple[list[str], list[str]]:
    """Those of before, the latest last, and this one: none where it cannot be noted, which then must not claim ahead.

    Not `is_own`, a directory that may be the copy of another one: the names in it may still claim elsewhere, and
    nothing is said of them. Nor of those in a damaged file.
    """
    earlier = _noted(state_dir)[1 - MOST :] if is_own else []
    try:
        write_json(state_dir / FILE, {"incarnations": [*earlier, incarnation]})
    except OSError as error:  # a full disk: what those of before were granted is not lost for that
        log.warning("nothing_claimed_ahead", detail=str(error))
        return earlier, []
    return earlier, [incarnation]


def _noted(state_dir: Path) -> list[str]:
    try:
        names = (read_json(state_dir / FILE) or {}).get("incarnations")
    except Unreadable as error:
        log.warning("incarnations_forgotten", detail=str(error))
        return []
    return [name for name in names if isinstance(name, str) and len(name) == 32] if isinstance(names, list) else []
