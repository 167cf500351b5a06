"""News about hosts for open pages."""

import uuid

from scheduler_site.shared.broadcast import publish, publish_latest


def announce(agent_id: uuid.UUID, status: str) -> None:
    """A host came, went, or was paused."""
    publish("agents", {"kind": "agent", "id": str(agent_id), "status": status})


def announce_readings() -> None:
    """New figures of some host: pages that show figures fetch them."""
    publish_latest("agents", {"kind": "readings"}, key="agents readings")
