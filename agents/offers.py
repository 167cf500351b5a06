"""What a host says that it can do and has a number of: its capabilities and counted resources, as of its last session.

What an operator said of the host stays, and wins where both use a name.
"""

from collections.abc import Mapping
from typing import Any

from agents.models import Agent, Capability, CountedResource
from agents.models.capability import Origin


def store(agent: Agent, capabilities: Mapping[str, str], resources: Mapping[str, int]) -> None:
    """Writes nothing when the host says what it said before."""
    _replace(Capability, "version", agent, capabilities)
    _replace(CountedResource, "total", agent, resources)


def _replace(
    model: type[Capability] | type[CountedResource], column: str, agent: Agent, said: Mapping[str, Any]
) -> None:
    rows = list(model._default_manager.filter(agent=agent).values_list("name", "origin", column))
    of_operators = {name for name, origin, _ in rows if origin == Origin.OPERATOR}
    known = {name: value for name, origin, value in rows if origin == Origin.HOST}
    wanted = {name: value for name, value in said.items() if name not in of_operators}
    if wanted == known:
        return
    model._default_manager.filter(agent=agent, origin=Origin.HOST).delete()
    fresh: list[Any] = [
        model(agent=agent, name=name, origin=Origin.HOST, **{column: value}) for name, value in wanted.items()
    ]
    model._default_manager.bulk_create(fresh, ignore_conflicts=True)  # an operator may be adding the name right now
