"""Dependencies as people type or paste them: `12, 13`, `#12 #13`, `afterany:14`. Pure: asks no database."""

import re
from dataclasses import dataclass
from typing import Any

from tasks.states import DependencyKind

_WORD = re.compile(r"(?:(?P<kind>[a-z]+):)?#?(?P<id>\d{1,18})", re.ASCII | re.IGNORECASE)
HTML_PATTERN = r"\s*((([a-zA-Z]+:)?#?\d{1,18})([\s,;]+|$))*"


@dataclass(frozen=True)
class TypedDependency:
    task_id: int
    kind: str

    def as_field(self) -> dict[str, Any]:
        return {"id": self.task_id, "kind": self.kind}


def parse(text: str) -> list[TypedDependency]:
    """In the order typed, doubles dropped. ValueError names the word that is none."""
    found: dict[int, TypedDependency] = {}
    for word in re.split(r"[\s,;]+", text.strip()):
        if word:
            dependency = _read(word)
            found.setdefault(dependency.task_id, dependency)
    return list(found.values())


def show(dependencies: list[TypedDependency]) -> str:
    return ", ".join(
        str(one.task_id) if one.kind == DependencyKind.AFTEROK else f"{one.kind}:{one.task_id}" for one in dependencies
    )


def _read(word: str) -> TypedDependency:
    match = _WORD.fullmatch(word)
    if match is None:
        raise ValueError(f"“{word}” is not a task id. Write ids as 12, 13.")
    kind = (match["kind"] or DependencyKind.AFTEROK).lower()
    if kind not in DependencyKind.values:
        raise ValueError(f"“{match['kind']}” is not a kind of dependency: {', '.join(DependencyKind.values)}.")
    return TypedDependency(int(match["id"]), kind)
