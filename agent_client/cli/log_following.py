"""Follows the output of a task to its end: through retries, silence and restarts of the server. Formats nothing."""

import time

from agent_client.cli.exit_status import FINAL_STATUSES
from agent_client.cli.log_reading import LogReader, Take, is_missing
from agent_client.cli.output import note
from agent_client.cli.patience import Pace, keep_trying, pause
from agent_client.user_api import Json, UserApi
from agent_client.user_api_errors import Refused

SHORTEST_SECONDS, LONGEST_SECONDS = 0.2, 1.0
DRAIN_SECONDS = 60.0  # how long a following reader bears silence after the end
SHORT_DRAIN_SECONDS = 5.0  # and one who only wanted to read


class Follower:
    """`reader` stands at the attempt and offset to begin with; without an attempt, the first one is waited for."""

    def __init__(self, api: UserApi, reader: LogReader, take: Take, is_pinned: bool, drain_seconds: float) -> None:
        self.api = api
        self.reader = reader
        self.take = take
        self.is_pinned = is_pinned
        self.drain_seconds = drain_seconds
        self._progress_at = time.monotonic()

    def run(self) -> None:
        pace = Pace(SHORTEST_SECONDS, LONGEST_SECONDS)
        while True:
            had_news = keep_trying(self._copy_new) > 0
            if had_news:
                self._progress_at = time.monotonic()
                if self.reader.offset < self.reader.size:
                    continue  # one answer holds only so much
            elif keep_trying(self._is_over):
                return
            pause(pace.next_seconds(had_news))

    def _copy_new(self) -> int:
        if not self.reader.attempt_no:
            return 0
        try:
            return self.reader.copy_new(self.take)
        except Refused as error:
            if not is_missing(error):
                raise
            return 0

    def _is_over(self) -> bool:
        if self.reader.state == "open" and self.reader.task_status == "running":
            return False
        task = self.api.task(self.reader.task_id)
        is_final = task["status"] in FINAL_STATUSES
        has_newer = int(task.get("attempt_no") or 0) > (self.reader.attempt_no or 0)
        if not self._is_read_out(is_final or has_newer):
            return False
        if self.is_pinned or not has_newer:
            return is_final or self.is_pinned
        self._go_to(task)
        return False

    def _is_read_out(self, has_ended: bool) -> bool:
        """Nothing more is to be expected of this attempt."""
        if not self.reader.attempt_no or self.reader.is_closed:
            return True
        is_silent = time.monotonic() - self._progress_at > self.drain_seconds
        if has_ended and is_silent:
            note(f"the rest of the output of attempt {self.reader.attempt_no} has not arrived; its host may be away")
        return has_ended and is_silent

    def _go_to(self, task: Json) -> None:
        attempt_no = int(task["attempt_no"])
        if self.reader.attempt_no:
            note(f"attempt {attempt_no} begins")
        self.reader = self.reader.at_attempt(attempt_no)
        self._progress_at = time.monotonic()
