"""What the OpenAPI page shows: the calls for people. The agents' calls are described in docs/agent-protocol.md."""

from typing import Any


def only_for_people(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    return [endpoint for endpoint in endpoints if endpoint[0].startswith("/api/")]
