"""A real HTTP server on loopback that speaks the agent protocol and keeps output by offset, with faults on demand.

Records every call, misbehaves on demand (faults.py), only hands out `assignments`, `grants`, `directives`.
"""

import base64
import hashlib
import json
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.agent_client.fake_ahead import FakeAhead
from tests.agent_client.fake_http import INSTANCE, Call, Fault, Handler, HttpServer, Reply
from tests.agent_client.fake_sub_agents import FakeStream, FakeSubAgent, close_log

__all__ = ["INSTANCE", "Call", "FakeServer", "FakeStream", "FakeSubAgent", "Fault", "Handler", "Reply"]


class FakeServer:
    """Start with `with FakeServer() as server`. `url`, `sub_agents`, `calls` and the wishes are open to the test."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.calls: list[Call] = []
        self.sub_agents: dict[str, FakeSubAgent] = {}
        self.assignments: list[dict[str, Any]] = []
        self.directives: list[dict[str, Any]] = []
        self.grants: dict[str, dict[str, Any]] = {}
        self.closed: set[str] = set()  # sub agents whose claim is answered 410
        self.takes_claims = True  # several in one call
        self.ahead = FakeAhead()
        self.never_arrived: list[str] = []  # granted ahead and taken back by a session
        self.inventory_wanted = False
        self.epoch = 0
        self.commit_seq = 0
        self.doorbell = threading.Event()
        self.tokens = {"enrolment-token"}
        self.agents: dict[str, dict[str, Any]] = {}
        self.sessions: list[dict[str, Any]] = []
        self.heartbeats: list[dict[str, Any]] = []
        self.next_in_seconds = 1.0
        self.wants_end = False
        self.wants_rotation = False
        self.secrets: list[str] | None = None  # the host's good ones, the oldest first; None: any
        self.issued: list[str] = []
        self.faults_served = 0
        self._faults: list[Fault] = []  # one per call, used up
        self._standing_fault: Fault | None = None
        self._stopping = threading.Event()
        self._http: HttpServer | None = None
        self._port = 0

    def __enter__(self) -> "FakeServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen; after `stop` on the same port again, with everything still known."""
        self._stopping.clear()
        handler = type("BoundHandler", (Handler,), {"server_state": self})
        self._http = HttpServer(("127.0.0.1", self._port), handler)
        self._port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()
        self.doorbell.set()
        if self._http is not None:
            self._http.shutdown()
            self._http.close_connections()
            self._http.server_close()
            self._http = None

    def sub_agent(self, sub_agent_id: str) -> FakeSubAgent:
        with self.lock:
            return self.sub_agents.setdefault(sub_agent_id, FakeSubAgent(sub_agent_id))

    def fail_next(self, *faults: Fault) -> None:
        with self.lock:
            self._faults += faults

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[None]:
        self._standing_fault = fault
        try:
            yield
        finally:
            self._standing_fault = None

    def take_fault(self) -> Fault | None:
        with self.lock:
            fault = self._faults.pop(0) if self._faults else self._standing_fault
            self.faults_served += fault is not None
            return fault

    def paths(self) -> list[str]:
        with self.lock:
            return [call.path for call in self.calls]

    def pause(self, seconds: float) -> None:
        """Do nothing for so long, unless the server is stopped."""
        self._stopping.wait(seconds)

    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    # --- what the calls do -----------------------------------------------------------------------------------

    def handle(self, call: Call, query: dict[str, list[str]], headers: Any) -> Reply:
        parts = call.path.strip("/").split("/")
        if parts[:2] != ["agent", "v1"]:
            return Reply(404, {"detail": "Not found."})
        match parts[2:]:
            case ["register"]:
                return self._register(call)
            case ["session" | "heartbeat" | "wait" | "secret"] if not self._lets_in(call):
                return Reply(401, {"code": "unauthorized", "detail": "no host has this id and secret"})
            case ["secret"]:
                return self._new_secret()
            case ["session"]:
                return self._session(call.body)
            case ["heartbeat"]:
                return self._heartbeat(call.body)
            case ["wait"]:
                return self._wait(int(query["epoch"][0]))
            case ["claims"] if self.takes_claims:
                return self._claims(call.body)
            case ["report"]:
                return self._report(call.body)
            case ["sub-agents", sub_agent_id, "log"]:
                return self._log(self.sub_agent(sub_agent_id), call.body, query, headers)
            case ["sub-agents", sub_agent_id, verb]:
                return self._verb(sub_agent_id, verb, call.body)
        return Reply(404, {"detail": "Not found."})

    def _register(self, call: Call) -> Reply:
        if call.authorization.removeprefix("Enrolment ") not in self.tokens:
            return Reply(401, {"code": "unauthorized", "detail": "the enrolment token is not known"})
        agent_id = f"agent-{len(self.agents) + 1}"
        self.agents[agent_id] = call.body
        body = {"agent_id": agent_id, "agent_secret": f"secret-{agent_id}", "name": call.body["name"]}
        return Reply(201, {**body, "instance_id": INSTANCE})

    def _lets_in(self, call: Call) -> bool:
        """The first use of the newest secret ends the older ones, and the wish for a new one."""
        if self.secrets is None:
            return True
        used = call.authorization.rpartition(":")[2]
        if used in self.issued and used == self.secrets[-1]:
            self.secrets, self.wants_rotation = [used], False
        return used in self.secrets

    def _new_secret(self) -> Reply:
        self.issued.append(f"new-secret-{len(self.issued) + 1}")
        self.secrets = [(self.secrets or [""])[0], self.issued[-1]]
        return Reply(200, {"agent_secret": self.issued[-1]})

    def _session(self, body: dict[str, Any]) -> Reply:
        with self.lock:
            if body["after_epoch"] != self.epoch:
                return Reply(409, {"code": "stale_epoch", "detail": "a later one is open", "epoch": self.epoch})
            self.epoch += 1
            self.sessions.append(body)
            self.inventory_wanted = False
            started = {name for name, sub_agent in self.sub_agents.items() if sub_agent.started}
            self.never_arrived += [name for name in self.ahead.never_arrived(body) if name not in started]
        reply = {"epoch": self.epoch, "proto": 1, "instance_id": INSTANCE, "lease_seconds": 30.0}
        reply |= {"commit_seq": self.commit_seq, "generation": "g"}
        return Reply(200, {**reply, "next_in_seconds": self.next_in_seconds, "directives": self.directives})

    def _heartbeat(self, body: dict[str, Any]) -> Reply:
        if body["epoch"] != self.epoch:
            return Reply(409, {"code": "stale_epoch", "detail": "another session was opened later"})
        self.heartbeats.append(body)
        reply: dict[str, Any] = {
            "next_in_seconds": self.next_in_seconds,
            "inventory_wanted": self.inventory_wanted,
        }
        reply |= {"commit_seq": self.commit_seq, "generation": "g"}
        reply["granted"] = self._granted(body)
        reply["end"] = self.wants_end
        reply["rotate_secret"] = self.wants_rotation
        return Reply(200, {**reply, "assignments": list(self.assignments), "directives": list(self.directives)})

    def _wait(self, epoch: int) -> Reply:
        if epoch != self.epoch:
            return Reply(409, {"code": "stale_epoch", "detail": "another session was opened later"})
        rang = self.doorbell.wait(5.0)
        self.doorbell.clear()
        return Reply(200, {"beat": rang})

    def _verb(self, sub_agent_id: str, verb: str, body: dict[str, Any]) -> Reply:
        if verb == "claim":
            return self._claim(sub_agent_id)
        sub_agent = self.sub_agent(sub_agent_id)
        self._forget_assignment(sub_agent_id)
        if verb == "reject":
            sub_agent.rejected, sub_agent.state = body, "rejected"
        elif verb == "not-started":
            sub_agent.not_started, sub_agent.state = body, "not_started"
        else:
            return Reply(404, {"detail": "Not found."})
        return Reply(200, {"state": sub_agent.state})

    def _claim(self, sub_agent_id: str) -> Reply:
        if sub_agent_id in self.closed or sub_agent_id not in self.grants:
            self._forget_assignment(sub_agent_id)
            return Reply(410, {"code": "sub_agent_closed", "detail": "not to be started", "state": "revoked"})
        self.sub_agent(sub_agent_id)
        self._forget_assignment(sub_agent_id)
        return Reply(200, self.grants[sub_agent_id])

    def _claims(self, body: dict[str, Any]) -> Reply:
        if body["epoch"] != self.epoch:
            return Reply(409, {"code": "stale_epoch", "detail": "another session was opened later"})
        alone = [self._claim(claim["sub_agent_id"]) for claim in body["claims"]]
        granted = [{"status": 200, "code": "ok", "grant": reply.body} for reply in alone]
        refused = [{"status": reply.status, **reply.body} for reply in alone]
        return Reply(
            200, {"replies": [granted[n] if alone[n].status == 200 else refused[n] for n in range(len(alone))]}
        )

    def _forget_assignment(self, sub_agent_id: str) -> None:
        with self.lock:
            self.assignments = [row for row in self.assignments if row["sub_agent_id"] != sub_agent_id]

    def _report(self, body: dict[str, Any]) -> Reply:
        replies = [self._entry(entry) for entry in body["entries"]]
        reply = {"next_in_seconds": self.next_in_seconds, "replies": replies, "granted": self._granted(body)}
        return Reply(200, reply)

    def _granted(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        with self.lock:
            return self.ahead.granted(body.get("claims_ahead"), self.epoch)

    def _entry(self, entry: dict[str, Any]) -> dict[str, Any]:
        sub_agent = self.sub_agent(entry["sub_agent_id"])
        with self.lock:
            code = sub_agent.codes.pop(0) if sub_agent.codes else self._handle_entry(sub_agent, entry)
        return {
            "sub_agent_id": sub_agent.sub_agent_id,
            "code": code,
            "detail": "" if code == "ok" else f"answered {code}",
            "state": sub_agent.state,
            "logs": {name: stream.status() for name, stream in sub_agent.streams.items()},
            "stop": sub_agent.stop,
            "watched": sub_agent.watched,
            "renewal": sub_agent.renewal,
        }

    def _handle_entry(self, sub_agent: FakeSubAgent, entry: dict[str, Any]) -> str:
        if entry["started"] and sub_agent.started is None:
            sub_agent.started, sub_agent.state = entry["started"], "running"
        for piece in entry["output"]:
            data = base64.b64decode(piece["data"], validate=True)
            assert len(data) <= 64 * 1024
            assert zlib.crc32(data) == piece["crc32"]
            sub_agent.stream(piece["stream"]).put(piece["offset"], data)
        if entry["usage"]:
            sub_agent.usages.append(entry["usage"])
        code = self._handle_finish(sub_agent, entry["finish"]) if entry["finish"] else "ok"
        for close in entry["log_close"]:
            close_log(sub_agent, close)
        return code

    def _handle_finish(self, sub_agent: FakeSubAgent, finish: dict[str, Any]) -> str:
        content = {key: value for key, value in finish.items() if key != "digest"}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        assert hashlib.sha256(text.encode()).hexdigest() == finish["digest"], "the digest is not that of the record"
        if sub_agent.finish is None:
            sub_agent.finish, sub_agent.state = finish, "finished"
            for name, size in finish["sizes"].items():
                stream = sub_agent.stream(name)
                stream.final_size, stream.state = size, "draining"
            return "ok"
        return "ok" if sub_agent.finish["digest"] == finish["digest"] else "already_final"

    def _log(self, sub_agent: FakeSubAgent, data: bytes, query: dict[str, list[str]], headers: Any) -> Reply:
        if zlib.crc32(data) != int(headers["X-CRC32"]):
            return Reply(422, {"code": "crc_mismatch", "detail": "the bytes were damaged on the way"})
        stream = sub_agent.stream(query["stream"][0])
        with self.lock:
            if not stream.put(int(query["offset"][0]), data):
                return Reply(409, {"code": "gap", "detail": "beyond what is stored", "stored": len(stream.content)})
            return Reply(200, stream.status())
