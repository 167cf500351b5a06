"""Who does something: a user, an agent or the system itself. Does not decide what they may do."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Actor:
    """`kind` is "user", "agent" or "system"; `name` is what history shows."""

    kind: str
    name: str

    @classmethod
    def user(cls, user: Any) -> "Actor":
        return cls("user", user.get_username())

    @classmethod
    def agent(cls, name: str) -> "Actor":
        return cls("agent", name)


SYSTEM = Actor("system", "nightshift")
