"""The labels of a host that capability expressions are read against: what it said, what an operator said, and what
follows from its system and its cards. Pure but for what the caller loaded; stores nothing.
"""

import re
from collections.abc import Iterable
from typing import Any

_WORD = re.compile(r"[a-z0-9]+")


def labels(said: Iterable[tuple[str, str]], facts: dict[str, Any], cards: Iterable[str]) -> frozenset[str]:
    """`said`: (name, version) of its capabilities; a version adds `name-version`. `cards`: names of its GPUs."""
    found = {"cpu"} | _of_system(str(facts.get("os", "")))
    for name, version in said:
        found |= {name.lower(), f"{name}-{version}".lower()} if version else {name.lower()}
    for card in cards:
        found |= _of_card(card)
    return frozenset(found)


def _of_system(os: str) -> set[str]:
    """ "Debian GNU/Linux 12 (bookworm) (Linux 6.1.0)" gives debian, gnu, linux and bookworm."""
    words = re.split(r"[\s()/]+", os.lower())
    return {word for word in words if re.fullmatch(r"[a-z][a-z0-9_-]*", word)}


def _of_card(name: str) -> set[str]:
    """ "NVIDIA A100-SXM4-80GB" gives gpu, nvidia, a100, sxm4, 80gb and nvidia-a100-sxm4-80gb."""
    words = _WORD.findall(name.lower())
    return {"gpu", "-".join(words), *words} - {""}
