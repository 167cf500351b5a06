"""What a fake server knows of sub agents: their states, results and output by offset. Speaks no HTTP."""

import hashlib
from dataclasses import dataclass, field
from typing import Any


@dataclass
class FakeStream:
    content: bytearray = field(default_factory=bytearray)
    state: str = "open"
    final_size: int | None = None
    mismatches: int = 0

    def status(self) -> dict[str, Any]:
        return {"stored": len(self.content), "state": self.state}

    def put(self, offset: int, data: bytes) -> bool:
        """Store the new suffix. False: a gap."""
        if offset > len(self.content):
            return False
        known = bytes(self.content[offset : offset + len(data)])
        assert data.startswith(known) or known.startswith(data), "a stored byte was sent again with another value"
        self.content += data[len(known) :]
        return True


@dataclass
class FakeSubAgent:
    """What the server knows of one sub agent."""

    sub_agent_id: str
    state: str = "starting"
    streams: dict[str, FakeStream] = field(default_factory=dict)
    started: dict[str, Any] | None = None
    finish: dict[str, Any] | None = None
    usages: list[dict[str, Any]] = field(default_factory=list)
    stop: dict[str, Any] | None = None
    watched: bool = False
    renewal: dict[str, float] | None = None
    codes: list[str] = field(default_factory=list)  # codes to answer with, first first, instead of handling an entry
    corrupt_next_close: bool = False
    rejected: dict[str, Any] | None = None
    not_started: dict[str, Any] | None = None

    def stream(self, name: str) -> FakeStream:
        return self.streams.setdefault(name, FakeStream())

    def output(self, name: str = "out") -> bytes:
        return bytes(self.stream(name).content)

    @property
    def is_complete(self) -> bool:
        return self.finish is not None and all(stream.state == "complete" for stream in self.streams.values())


def close_log(sub_agent: FakeSubAgent, close: dict[str, Any]) -> None:
    stream = sub_agent.stream(close["stream"])
    if len(stream.content) != close["size"]:
        return
    digest = hashlib.sha256(stream.content).hexdigest()
    if digest == close["sha256"] and not sub_agent.corrupt_next_close:
        stream.state = "complete"
        return
    sub_agent.corrupt_next_close = False
    stream.mismatches += 1
    if stream.mismatches > 1:
        stream.state = "corrupt"
    else:
        stream.content.clear()
