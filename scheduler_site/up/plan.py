"""What the start leaves to the watcher that it becomes. Plain values only: the watcher has no settings."""

import json
import os
from typing import Any, NamedTuple


class Plan(NamedTuple):
    lock: int  # the descriptor that holds the data folder's lock
    data_dir: str
    log_dir: str
    log_format: str
    log_level: str
    local_url: str
    public_url: str
    server_command: list[str]
    agent_command: list[str]
    agent_state_dir: str
    greeting: str  # holds a sign-in link

    def written(self) -> int:
        """A descriptor from which `read` takes it: neither arguments nor environment are private."""
        reader, writer = os.pipe()
        with os.fdopen(writer, "w") as sink:
            sink.write(json.dumps(self._asdict()))
        return reader


def read(descriptor: int) -> Plan:
    with os.fdopen(descriptor) as source:
        values: dict[str, Any] = json.load(source)
    return Plan(**values)
