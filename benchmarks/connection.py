"""The running server, as the command line knows it. Makes no profile."""

import os
from typing import Any

import requests

from agent_client import profiles


class Server:
    """REST with the current profile, or NIGHTSHIFT_URL and NIGHTSHIFT_TOKEN."""

    def __init__(self) -> None:
        known = profiles.load(profiles.config_path())
        self.url = os.environ.get("NIGHTSHIFT_URL") or known.current or ""
        token = os.environ.get("NIGHTSHIFT_TOKEN") or known.tokens.get(self.url)
        if not self.url or not token:
            raise SystemExit("No server is known: run `make run` first, or set NIGHTSHIFT_URL and NIGHTSHIFT_TOKEN.")
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {token}"

    def submit(self, name: str, script: str, **fields: Any) -> int:
        body = {"name": name, "script_content": script, **fields}
        reply = self.http.post(f"{self.url}/api/tasks/", json=body, timeout=30)
        reply.raise_for_status()
        return int(reply.json()["id"])

    def get(self, path: str, **parameters: Any) -> Any:
        reply = self.http.get(f"{self.url}{path}", params=parameters, timeout=30)
        reply.raise_for_status()
        return reply.json()
