"""A host that exists only as HTTP calls: speaks docs/agent-protocol.md through Django's test client.
Starts no process."""

import base64
import hashlib
import json
import zlib
from typing import Any

from django.test import Client

from agents.enrolment import create_token

INCARNATION = "i" * 32


class PaperHost:
    """Registers, opens sessions, beats, claims and reports as a main agent and its sub agents would."""

    def __init__(self, name: str = "host-1", *, cpu_cores: float = 4, gpus: list[dict[str, Any]] | None = None) -> None:
        self.client = Client()
        self.resources = {
            "cpu_cores": cpu_cores,
            "memory_mib": 8192,
            "gpu_state": "ready" if gpus else "absent",
            "gpus": gpus or [],
        }
        _, plain = create_token("test")
        registered = self.post("register", self._who(name), f"Enrolment {plain}")
        self.agent_id, self.secret = registered["agent_id"], registered["agent_secret"]
        self.name = registered["name"]
        self.credential = f"Agent {self.agent_id}:{self.secret}"
        self.epoch = self.seq = self.ahead_seq = 0
        self.heard: dict[str, Any] = {}
        self.status = 0
        self.open_session()

    def _who(self, name: str) -> dict[str, Any]:
        return {"name": name, "hostname": name, "agent_version": "1", "proto": {"min": 1, "max": 1}, "machine_id": "m"}

    def post(self, path: str, body: Any, credential: str | None = None) -> dict[str, Any]:
        """The decoded reply; its status in `self.status`."""
        response = self.client.post(
            f"/agent/v1/{path}",
            json.dumps(body),
            content_type="application/json",
            headers={"Authorization": credential or self.credential},
        )
        self.status = response.status_code
        assert response.headers["Content-Type"] == "application/json"
        return response.json()

    def open_session(self, sub_agents: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
        body = {
            "boot_id": "boot-1",
            "incarnation": "incarnation-1",
            "machine_id": "m",
            "agent_version": "1",
            "proto": {"min": 1, "max": 1},
            "host": {"hostname": "host-1"},
            "inventory_complete": True,
            "sub_agents": sub_agents or [],
            "resources": self.resources,
            "after_epoch": self.epoch,
            **more,
        }
        reply = self.post("session", body)
        if reply.get("code") == "stale_epoch":
            reply = self.post("session", {**body, "after_epoch": reply["epoch"]})
        self.epoch, self.seq = reply.get("epoch", self.epoch), 0
        return reply

    def beat(self, **more: Any) -> dict[str, Any]:
        self.seq += 1
        beat = {"epoch": self.epoch, "seq": self.seq, "resources": self.resources, **more}
        self.heard = self.post("heartbeat", beat)
        return self.heard

    def ahead(self, count: int = 4, **changes: Any) -> dict[str, Any]:
        """Claims ahead as after the latest beat, to go with another or with `report_all`."""
        self.ahead_seq += 1
        return {
            "epoch": self.epoch,
            "seq": self.ahead_seq,
            "nonces": [f"{INCARNATION}-{self.ahead_seq}.{number}" for number in range(count)],
            "again": [],
            "generation": self.heard.get("generation", ""),
            "commit_seq": self.heard.get("commit_seq", 0),
            **changes,
        }

    def claim(
        self, assignment: dict[str, Any], nonce: str = "nonce-nonce-nonce", master_port: int | None = None
    ) -> dict[str, Any]:
        body = {"epoch": self.epoch, "fence": assignment["fence"], "nonce": nonce, "master_port": master_port}
        return self.post(f"sub-agents/{assignment['sub_agent_id']}/claim", body)

    def report(self, grant: dict[str, Any], **parts: Any) -> dict[str, Any]:
        """One entry for the sub agent of `grant`, by itself; returns its reply."""
        credential = f"SubAgent {grant['sub_agent_id']}:{grant['sub_agent_token']}"
        return self.post("report", {"entries": [entry_of(grant, **parts)]}, credential)["replies"][0]

    def report_all(self, *entries: dict[str, Any], **more: Any) -> dict[str, Any]:
        """As the main agent, for the whole host."""
        return self.post("report", {"entries": list(entries), **more})


def entry_of(grant: dict[str, Any], **parts: Any) -> dict[str, Any]:
    named = {"sub_agent_id": grant["sub_agent_id"], "fence": grant["fence"], "token": grant["sub_agent_token"]}
    return {**named, **parts}


def piece(data: bytes, offset: int = 0, stream: str = "out") -> dict[str, Any]:
    return {
        "stream": stream,
        "offset": offset,
        "data": base64.b64encode(data).decode(),
        "crc32": zlib.crc32(data),
    }


def finish(exit_code: int = 0, *, size: int = 0, reason: str = "exit", **more: Any) -> dict[str, Any]:
    body = {
        "reason": reason,
        "exit_code": exit_code,
        "signal": None,
        "sent_signals": [],
        "sizes": {"out": size},
        "duration_seconds": 1.5,
        "result": None,
        "detail": "",
        **more,
    }
    return {**body, "digest": hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()}
