"""The network of a world: a bag of messages. Any of them may be delivered next, twice, or never.

Threads of the fake hosts are generators that yield a Call and are sent its Answer (None: no answer came in time).
"""

import json
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

Answer = tuple[int, dict[str, Any]] | None


@dataclass(frozen=True)
class Call:
    """A request under /agent/v1/."""

    path: str
    body: dict[str, Any]
    credential: str


Thread = Generator[Call | None, Answer, None]  # yields None when it has nothing to say


class NoAnswer(Exception):
    """The request or its answer was lost."""


class Refused(Exception):
    def __init__(self, code: str, body: dict[str, Any]) -> None:
        super().__init__(code)
        self.code = code
        self.body = body


def ask(call: Call) -> Generator[Call, Answer, dict[str, Any]]:
    """For use in threads: the body of a good answer."""
    answer = yield call
    if answer is None:
        raise NoAnswer
    status, body = answer
    if status >= 400:
        raise Refused(body["code"], body)
    return body


@dataclass(eq=False)
class Line:
    """One thread of a host and what it waits for."""

    host: str
    thread: Thread
    waits_for: "Letter | None" = None
    is_over: bool = False


@dataclass(eq=False)
class Letter:
    """A call on its way to the server or, once `answer` is there, on its way back. Nobody waits for a copy."""

    call: Call
    host: str
    line: Line | None = None
    answer: Answer = None


@dataclass
class Network:
    bag: list[Letter] = field(default_factory=list)
    cut_off: set[str] = field(default_factory=set)
    watchers: list[Callable[[Call, int, dict[str, Any]], None]] = field(default_factory=list)
    client: Client = field(default_factory=Client)
    tick: Callable[[], None] = lambda: None

    def resume(self, line: Line, answer: Answer = None) -> None:
        """Let a thread go on to its next call, which then lies in the bag."""
        line.waits_for = None
        try:
            call = line.thread.send(answer)
        except StopIteration:
            line.is_over = True
            return
        if call is not None:
            line.waits_for = Letter(call, line.host, line)
            self.bag.append(line.waits_for)

    def close(self, line: Line) -> None:
        """The thread is gone; what it had sent may still arrive."""
        line.thread.close()
        line.is_over = True
        if line.waits_for is not None:
            line.waits_for.line = None
            line.waits_for = None

    def reachable(self) -> list[Letter]:
        return [letter for letter in self.bag if letter.host not in self.cut_off]

    def deliver(self, letter: Letter) -> None:
        """One way: to the server, or back to whoever waits."""
        if letter.answer is None:
            letter.answer = self.handled(letter.call)
            if letter.line is None:
                self.bag.remove(letter)
            return
        self.bag.remove(letter)
        if letter.line is not None:
            self.resume(letter.line, letter.answer)

    def duplicate(self, letter: Letter) -> None:
        """A copy of the request stays under way."""
        if letter.answer is None:
            self.bag.append(Letter(letter.call, letter.host))

    def lose(self, letter: Letter) -> None:
        """It never arrives, and whoever waits for it gives up."""
        self.bag.remove(letter)
        if letter.line is not None:
            self.resume(letter.line, None)

    def give_up(self, letter: Letter) -> None:
        """Whoever waits has waited long enough; the letter itself may arrive later."""
        line, letter.line = letter.line, None
        if letter.answer is not None:
            self.bag.remove(letter)
        if line is not None:
            self.resume(line, None)

    def handled(self, call: Call) -> tuple[int, dict[str, Any]]:
        """What the server says to the call; no two are at the same moment."""
        self.tick()
        response = self.client.post(
            f"/agent/v1/{call.path}",
            json.dumps(call.body),
            content_type="application/json",
            headers={"Authorization": call.credential},
        )
        body = response.json()
        for watcher in self.watchers:
            watcher(call, response.status_code, body)
        return response.status_code, body
