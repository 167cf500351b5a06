"""A real HTTP server with the shapes of the REST API that people use. Keeps what it was asked; schedules nothing."""

import json
import re
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
TOKEN = "right-token"
FINAL = ("completed", "failed", "canceled")


@dataclass
class Log:
    data: bytearray = field(default_factory=bytearray)
    state: str = "open"
    gaps: list[tuple[int, int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Json


def task_values(task_id: int, **values: Any) -> Json:
    """A task as GET /api/tasks/{id}/ shows it."""
    return {
        "id": task_id,
        "name": f"task-{task_id}",
        "template_type": "",
        "priority": 3,
        "status": "waiting",
        "badges": [],
        "depends_on": [],
        "created_time": "2026-08-21T10:00:00+00:00",
        "start_time": None,
        "end_time": None,
        "execution_time": None,
        "script_content": "echo hi\n",
        "cpu_cores": 1,
        "memory_mib": None,
        "gpu_count": 0,
        "gpu_memory": None,
        "gpu_share": False,
        "agent_id": "",
        "agent_name": "",
        "gpu_indexes": [],
        "log_size": 0,
        "end_reason": "",
        "end_sentence": "",
        "exit_code": None,
        "exit_signal": None,
        "result": None,
        "waiting_sentence": "",
        "attempt_no": 0,
        "retries": 0,
        "retries_used": 0,
        "submitted_by": "owner",
        "description": "",
        "working_directory": "",
        "metadata": {},
    } | values


class FakeApi:
    """`answers` holds (status, body) to give instead, once each."""

    def __init__(self, port: int = 0) -> None:
        self.tasks: dict[int, Json] = {}
        self.logs: dict[tuple[int, int, str], Log] = {}
        self.agents: list[Json] = []
        self.templates: list[Json] = []
        self.calls: list[Call] = []
        self.answers: list[tuple[int, Json | str]] = []
        self.keys: dict[str, int] = {}
        self.log_piece_bytes = 1 << 30
        self.drop_next = 0
        self.lock = threading.RLock()
        self.connections: set[socket.socket] = set()
        self._start(port)

    def _start(self, port: int) -> None:
        fake = self

        class Handler(_Handler):
            api = fake

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        with self.lock:  # a server that ends takes its open connections with it
            for connection in self.connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.server.server_close()
        self.thread.join()

    def restart(self) -> None:
        self._start(self.port)

    def add_task(self, **values: Any) -> int:
        with self.lock:
            task_id = len(self.tasks) + 1
            self.tasks[task_id] = task_values(task_id, **values)
            return task_id

    def change(self, task_id: int, **values: Any) -> None:
        with self.lock:
            self.tasks[task_id].update(values)

    def add_log(self, task_id: int, data: bytes, attempt_no: int = 1, stream: str = "out", state: str = "open") -> Log:
        with self.lock:
            log = self.logs.setdefault((task_id, attempt_no, stream), Log())
            log.data += data
            log.state = state
            return log

    def called(self, method: str, path: str) -> list[Call]:
        with self.lock:
            return [call for call in self.calls if call.method == method and call.path == path]


class _Handler(BaseHTTPRequestHandler):
    api: FakeApi
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        with self.api.lock:
            self.api.connections.add(self.connection)

    def finish(self) -> None:
        with self.api.lock:
            self.api.connections.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def log_message(self, *_: Any) -> None:
        """Tests read stderr."""

    def do_GET(self) -> None:
        self._handle("GET")

    def do_POST(self) -> None:
        self._handle("POST")

    def _handle(self, method: str) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        call = Call(method, parts.path, query, dict(self.headers), body)
        if parts.path == "/api/tasks/wait/":
            self._hang(call)
        with self.api.lock:
            self.api.calls.append(call)
            if self.api.drop_next:
                self.api.drop_next -= 1
                self._apply(call)
                self.close_connection = True
                self.connection.close()
                return
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._reply(401, {"detail": "Invalid token."})
            elif self.api.answers:
                self._reply(*self.api.answers.pop(0))
            elif match := re.fullmatch(r"/api/tasks/(\d+)/log", parts.path):
                self._log(int(match[1]), query)
            else:
                self._reply(*self._apply(call))

    def _hang(self, call: Call) -> None:
        """As long as nothing has ended and its time is not over; the lock is free meanwhile."""
        until = time.monotonic() + float(call.query["seconds"])
        while not (self.api.answers or self._ended(call)) and time.monotonic() < until:
            time.sleep(0.01)

    def _ended(self, call: Call) -> list[int]:
        ids = [int(word) for word in call.query["id"].split(",")]
        with self.api.lock:
            return [task_id for task_id in ids if self.api.tasks[task_id]["status"] in FINAL]

    def _apply(self, call: Call) -> tuple[int, Json]:
        api = self.api
        if call.path == "/api/tasks/wait/":
            return 200, {"ended": self._ended(call), "open": []}
        if call.path == "/api/tasks/":
            return self._create(call) if call.method == "POST" else (200, self._page(call.query))
        if match := re.fullmatch(r"/api/tasks/(\d+)/(cancel/|hold/|release/)?", call.path):
            task = api.tasks.get(int(match[1]))
            if task is None:
                return 404, {"detail": "No Task matches the given query."}
            return self._change(task, match[2])
        if match := re.fullmatch(r"/api/agents/([^/]+)/([\w-]+)/", call.path):
            agent = next(agent for agent in api.agents if agent["id"] == match[1])
            return 200, {"id": agent["id"], "name": agent["name"], "status": "online", "standing": match[2]}
        if call.path == "/api/agents/":
            return 200, {"count": len(api.agents), "next": None, "results": api.agents}
        if call.path == "/api/templates/":
            found = [item for item in api.templates if call.query.get("name", "") in item["name"]]
            return 200, {"count": len(found), "next": None, "results": found}
        return 404, {"detail": "Not found."}

    def _create(self, call: Call) -> tuple[int, Json]:
        key = call.headers.get("Idempotency-Key", "")
        if key not in self.api.keys:
            values = {key: value for key, value in call.body.items() if key != "depends_on"}
            self.api.keys[key] = self.api.add_task(**values)
        return 201, self.api.tasks[self.api.keys[key]]

    def _page(self, query: dict[str, str]) -> Json:
        wanted = query.get("status", "").split(",") if query.get("status") else None
        found = [task for task in reversed(self.api.tasks.values()) if not wanted or task["status"] in wanted]
        found = [task for task in found if query.get("name", "") in task["name"]]
        size, page = int(query.get("page_size", 50)), int(query.get("page", 1))
        more = len(found) > page * size
        results = found[(page - 1) * size : page * size]
        return {
            "count": len(found),
            "next": f"?page={page + 1}" if more else None,
            "previous": None,
            "results": results,
        }

    def _change(self, task: Json, verb: str | None) -> tuple[int, Json]:
        if verb in ("hold/", "release/") and task["status"] not in FINAL:
            return 200, task
        return self._cancel(task) if verb else (200, task)

    def _cancel(self, task: Json) -> tuple[int, Json]:
        if task["status"] in FINAL:
            return 409, {"detail": f"Task {task['id']} has ended already.", "code": "conflict"}
        if task["status"] != "running":
            task.update(status="canceled", end_sentence="canceled")
        return 200, task

    def _log(self, task_id: int, query: dict[str, str]) -> None:
        task = self.api.tasks[task_id]
        attempt_no = int(query.get("attempt_no") or task["attempt_no"])
        log = self.api.logs.get((task_id, attempt_no, query.get("stream", "out")))
        if log is None:
            return self._reply(404, {"detail": "Nothing is stored."})
        size = len(log.data)
        start = int(re.fullmatch(r"bytes=(\d+)-", self.headers["Range"])[1])  # type: ignore[index]
        headers = {"X-Log-State": log.state, "X-Task-Status": task["status"]}
        skipped = [gap for gap in log.gaps if gap[0] <= start < gap[1]]
        for _, stop, _ in skipped:
            start = stop
        if skipped:
            headers["X-Log-Gaps"] = ", ".join(f"{first}-{stop};{reason}" for first, stop, reason in skipped)
        if log.state == "pruned":
            return self._reply(410, {"code": "pruned", "detail": "The output was removed because of its age."})
        if start >= size:
            return self._send(416, b"", {**headers, "Content-Range": f"bytes */{size}"})
        end = min([gap[0] for gap in log.gaps if gap[0] >= start], default=size)
        data = bytes(log.data[start : min(end, start + self.api.log_piece_bytes)])
        headers |= {"Content-Range": f"bytes {start}-{start + len(data) - 1}/{size}"}
        return self._send(206, data, {**headers, "Content-Type": "application/octet-stream"})

    def _reply(self, status: int, body: Json | str) -> None:
        kind = "text/html" if isinstance(body, str) else "application/json"
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self._send(status, data, {"Content-Type": kind})

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
