"""The names under which this state directory's main agents have claimed ahead, durably noted before the first claim.

What such a one was granted is in its folder, durably, before it is started: a grant whose folder is not here never was.
"""

from pathlib import Path

from agent_client.atomic import Unreadable, read_json, write_json
from agent_client.system_log import EventLog

log = EventLog(loop="main")
FILE = "incarnations.json"
MOST = 8  # of older ones a server is not told any more: what they were granted counts as lost


def begin(state_dir: Path, incarnation: str) -> list[str]:
    """All of them, the latest last; empty where this one cannot be noted, which then must not claim ahead."""
    try:
        noted = read_json(state_dir / FILE) or {}
        known = [str(name) for name in noted.get("incarnations", [])]
        names = [*known, incarnation][-MOST:]
        write_json(state_dir / FILE, {"incarnations": names})
    except (OSError, Unreadable, TypeError) as error:
        log.warning("nothing_claimed_ahead", detail=str(error))
        return []
    return names
