"""Three ways to print the bytes of a log: as they are stored, as safe text, as JSON; and what is missing."""

import codecs
import json
import sys
from typing import Protocol

from agent_client.cli.output import note, wants_colours
from agent_client.cli.terminal import TerminalText

WHY = {
    "cap": "over the server's limit for output",
    "spool_full": "over the host's limit for output",
    "spool_lost": "lost on the host",
}


def dropped_text(start: int, stop: int, reason: str) -> str:
    """What is shown in place of bytes that are not kept."""
    return f"[… {stop - start:,} bytes dropped: {WHY.get(reason, reason)} …]"


class Sink(Protocol):
    def take(self, offset: int, data: bytes) -> None: ...

    def skip(self, start: int, stop: int, reason: str) -> None: ...

    def finish(self) -> None: ...


class RawSink:
    """The stored bytes and nothing else."""

    def take(self, offset: int, data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def skip(self, start: int, stop: int, reason: str) -> None:
        note(dropped_text(start, stop, reason))

    def finish(self) -> None:
        pass


class TextSink:
    """Text without control characters; colours only where somebody sees them."""

    def __init__(self) -> None:
        self._text = TerminalText(wants_colours())
        self._is_line_begun = False

    def take(self, offset: int, data: bytes) -> None:
        self._write(self._text.feed(data))
        sys.stdout.flush()

    def skip(self, start: int, stop: int, reason: str) -> None:
        """On a line of its own; half a character or escape sequence before it goes no further."""
        self._write(self._text.finish())
        self._text = TerminalText(wants_colours())
        newline = "\n" if self._is_line_begun else ""
        self._write(f"{newline}{dropped_text(start, stop, reason)}\n")

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        if text:
            self._is_line_begun = not text.endswith("\n")

    def finish(self) -> None:
        sys.stdout.write(self._text.finish())


class JsonSink:
    """One object a line: {"id", "offset", "text"}; `offset` is that of the first byte, no character is cut."""

    def __init__(self, task_id: int) -> None:
        self._task_id = task_id
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._next_offset = 0

    def take(self, offset: int, data: bytes) -> None:
        if offset != self._next_offset:  # another attempt, or the last lines only
            self.finish()
        start = offset - len(self._decoder.getstate()[0])
        self._next_offset = offset + len(data)
        self._print(start, self._decoder.decode(data))

    def skip(self, start: int, stop: int, reason: str) -> None:
        self.finish()
        entry = {"id": self._task_id, "offset": start, "dropped_bytes": stop - start, "reason": reason}
        print(json.dumps(entry), flush=True)

    def finish(self) -> None:
        start = self._next_offset - len(self._decoder.getstate()[0])
        self._print(start, self._decoder.decode(b"", final=True))
        self._decoder.reset()

    def _print(self, offset: int, text: str) -> None:
        if text:
            print(json.dumps({"id": self._task_id, "offset": offset, "text": text}), flush=True)
