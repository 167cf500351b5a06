"""Hosts, requests and passes for the tests of policies. Pure."""

from collections.abc import Sequence
from typing import Any

from tasks.scheduling.fleet import Fleet
from tasks.scheduling.planner import ListedQueue, plan
from tasks.scheduling.policies.base import Policy
from tasks.scheduling.policies.choice import make
from tasks.scheduling.values import Card, Host, Request, Shape

CARD_MIB = 48 * 1024


def host(name: str, cores: int, gib: int = 64, gpus: int = 0, **more: Any) -> Host:
    """Idle, with cards of 48 GiB."""
    cards = [Card(ord(name[0]) * 100 + index, index, CARD_MIB, CARD_MIB, name="Test A") for index in range(gpus)]
    return Host(name, name, cores * 100, cores * 100, gib * 1024, gib * 1024, cards, **more)


def policy_of(name: str, usual: Sequence[Shape] = (), seed: int = 7) -> Policy:
    """`usual`: what a policy that learns has seen."""
    made = make(name, seed)
    learn = getattr(made, "learn", None)
    for shape in usual if learn else ():
        learn(shape)  # type: ignore[misc]
    return made


def choices(policy: Policy | str, shapes: Sequence[Shape], hosts: list[Host]) -> list[str]:
    """The host of each request in turn; nothing where there was no room."""
    rule = policy_of(policy, [*shapes] * 5) if isinstance(policy, str) else policy
    requests = [Request(number, shape) for number, shape in enumerate(shapes)]
    placed = plan(ListedQueue(requests), Fleet(hosts), lambda shape: rule).placements
    found = {item.request.id: item.members[0].agent_id for item in placed}
    return [found.get(request.id, "") for request in requests]
