"""Reads one stored log by byte offset and hands the bytes on. Does not wait for more and does not format anything."""

from collections.abc import Callable, Iterable

from agent_client.user_api import UserApi
from agent_client.user_api_errors import Refused

Take = Callable[[int, bytes], None]
Skip = Callable[[int, int, str], None]

CLOSED_STATES = ("complete", "corrupt", "incomplete", "pruned")
BEYOND_EVERYTHING = 2**62
FIRST_WINDOW = 65536
LAST_WINDOW = 64 * 1024 * 1024


class LogReader:
    """One stream of one attempt, and how far it was read. `state` and `size` are those of the latest answer.

    `skip` is told of bytes that are not kept: start, stop, reason.
    """

    def __init__(
        self,
        api: UserApi,
        task_id: int,
        attempt_no: int | None,
        stream: str | None,
        rank: int | None = None,
        skip: Skip = lambda start, stop, reason: None,
    ) -> None:
        self.api = api
        self.task_id = task_id
        self.attempt_no = attempt_no
        self.stream = stream
        self.rank = rank
        self.skip = skip
        self.offset = 0
        self.size = 0
        self.state = ""
        self.task_status = ""

    @property
    def is_closed(self) -> bool:
        """No further byte will come, and all were read."""
        return self.state in CLOSED_STATES and self.offset >= self.size

    def at_attempt(self, attempt_no: int | None) -> "LogReader":
        """The same of another attempt, from its beginning."""
        return LogReader(self.api, self.task_id, attempt_no, self.stream, self.rank, self.skip)

    def copy_new(self, take: Take) -> int:
        """Hand on what is stored beyond `offset`; return how far that went. After an error `offset` is still right."""
        before = self.offset
        with self.api.log(self.task_id, before, self.attempt_no, self.stream, self.rank) as piece:
            self.size, self.state, self.task_status = piece.size, piece.state, piece.task_status
            self._pass_over(piece.gaps)
            before_blocks = self.offset
            to_skip = before_blocks - piece.offset  # a server that does not know ranges sends all
            for block in piece.blocks:
                rest = block[max(0, to_skip) :]
                to_skip -= len(block)
                if rest:
                    take(self.offset, rest)
                    self.offset += len(rest)
        return self.offset - before

    def _pass_over(self, gaps: Iterable[tuple[int, int, str]]) -> None:
        for start, stop, reason in gaps:
            if start <= self.offset < stop:
                self.skip(self.offset, stop, reason)
                self.offset = stop

    def copy_all(self, take: Take) -> None:
        """Hand on what is stored when this begins, in however many answers; a busy task cannot keep it going."""
        if not self.copy_new(take):
            return
        end = self.size
        while self.offset < end and self.copy_new(take):
            pass

    def seek_last_lines(self, lines: int) -> None:
        """Set `offset` so that `lines` lines are left. Looks at the last 64 MiB at most."""
        self.size = self._stored()
        window = FIRST_WINDOW
        while True:
            wanted = max(0, self.size - window)
            start, data = self._read(wanted, self.size)
            found = last_lines_start(data, lines)
            if found > 0 or start == 0 or start > wanted or window >= LAST_WINDOW:
                self.offset = start + found
                return
            window *= 4

    def _stored(self) -> int:
        with self.api.log(self.task_id, BEYOND_EVERYTHING, self.attempt_no, self.stream, self.rank) as piece:
            return piece.size

    def _read(self, start: int, end: int) -> tuple[int, bytes]:
        """What is kept in one piece before `end`, and where it begins: at `start`, or behind a gap."""
        begin = start
        data = bytearray()

        def forget(_: int, stop: int, reason: str) -> None:
            nonlocal begin
            if stop < end:
                begin = stop
                data.clear()

        reader = self.at_attempt(self.attempt_no)
        reader.offset, reader.skip = start, forget
        while reader.offset < end and reader.copy_new(lambda _, block: data.extend(block)):
            pass
        return begin, bytes(data[: end - begin])


def last_lines_start(data: bytes, lines: int) -> int:
    """Where the last `lines` lines begin; a newline at the very end begins no line. 0 if there are fewer."""
    position = len(data)
    if lines == 0:
        return position
    if data.endswith(b"\n"):
        position -= 1
    for _ in range(lines):
        position = data.rfind(b"\n", 0, position)
        if position < 0:
            return 0
    return position + 1


def is_missing(error: Refused) -> bool:
    """Nothing is stored for this attempt, which is no error while it may still come."""
    return error.status == 404
