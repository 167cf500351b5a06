"""Nudges between the server processes of one site: "something happened, look". Said after a commit, heard on the loop.

With one process there is no link: then saying does nothing and costs nothing. A nudge carries no state, and one that is
lost costs the time until somebody looks anyway: nothing may depend on it.
"""

from collections.abc import Callable
from typing import Protocol

from django.conf import settings

Heard = Callable[[str], None]


class Link(Protocol):
    """To the other processes."""

    def say(self, topic: str, word: str) -> None: ...
    def is_up(self) -> bool: ...


_link: Link | None = None
_heard_by: dict[str, Heard] = {}
_when_deaf: list[Callable[[], None]] = []


def attach(link: Link | None) -> None:
    """Called by `serve`; None: there are no others, or the server ends."""
    global _link
    _link = link


def are_alone() -> bool:
    """Whether this process is the only one of its site, as far as it was told."""
    return _link is None


def subscribe(topic: str, heard: Heard) -> None:
    """`heard` is called on the server's loop with what another process said, and never waits. One for each topic."""
    _heard_by[topic] = heard


def when_deaf(function: Callable[[], None]) -> None:
    """Called on the server's loop when the others cannot be heard any more: look yourself."""
    _when_deaf.append(function)


def say(topic: str, word: str = "") -> None:
    """To the other processes, from any thread. Only after the commit: they look at once."""
    if _link is not None:
        _link.say(topic, word)


def hear(topic: str, word: str) -> None:
    """By the link: another process said this. One of another version may say what nobody here knows."""
    if topic in _heard_by:
        _heard_by[topic](word)


def is_deaf() -> None:
    """By the link: nothing comes through."""
    for function in _when_deaf:
        function()


def has_others() -> bool:
    """Whether somebody may hear what is said."""
    return _link is not None


def hears_all() -> bool:
    """Whether what happens at other processes is heard here. SQLite is for one process alone."""
    return _link.is_up() if _link is not None else settings.IS_SQLITE
