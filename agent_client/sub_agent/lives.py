"""The lives of one process: a sub agent that has told everything of its script takes the next folder.

There is still one process for each running script. What is spared are the fork, and the memory and code that every
fork has to touch anew. Whatever is not certain to be as after the fork ends the process, as does anything unusual.
"""

import socket
import time
from collections.abc import Callable
from pathlib import Path

from agent_client import failpoints
from agent_client.sub_agent.idle import next_folder
from agent_client.sub_agent.run import run
from agent_client.sub_agent.spare import Spare
from agent_client.sub_agent.traces import Traces

MOST_LIVES = 200
LONGEST_LIFE_SECONDS = 2.0  # beside a longer one a fork is nothing, and who is taken for frozen never lives again


def live(directory: Path, door: socket.socket, life: Callable[[Path, Spare], int] = run) -> int:
    """Returns what the last life returned."""
    after_fork, spare = Traces.here(), Spare()
    following: Path | None = directory
    code = lives = 0
    try:
        while following is not None:  # what was taken is lived
            began_at = time.monotonic()
            code, lives = life(following, spare), lives + 1
            spare.drop()
            is_long = time.monotonic() - began_at > LONGEST_LIFE_SECONDS
            if code or is_long or lives >= MOST_LIVES or Traces.here() != after_fork:
                break
            failpoints.parse.cache_clear()  # passages are counted by life
            following = next_folder(door, spare.make)
        return code
    finally:
        spare.drop()
