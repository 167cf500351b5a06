"""The server's REST API as the command line uses it: one method per call, errors as exceptions.

Prints nothing, stores nothing and knows no flags. Calls that may be repeated safely are tried again a few times.
"""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from agent_client import pin
from agent_client.user_api_errors import LOOPBACK_HOSTS, Refused, ServerFault, Unreachable
from agent_client.version import VERSION

Json = dict[str, Any]

CONNECT_SECONDS = 3.05
READ_SECONDS = 30.0
RETRY_PAUSES = (0.25, 0.75)
BLOCK_BYTES = 65536
AWAY_STATUSES = (408, 429, 502, 503, 504)


@dataclass(frozen=True)
class LogPiece:
    """Part of a stored log. `offset` is that of the first byte, `size` what was written in all; `blocks` is read once.

    `gaps` are [start, stop) with a reason: what was asked for and is not kept.
    """

    offset: int
    size: int
    state: str
    task_status: str
    blocks: Iterator[bytes]
    gaps: tuple[tuple[int, int, str], ...] = ()


class _Bearer(AuthBase):
    """Set as `auth` so that a ~/.netrc entry never replaces the token."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


class PinnedAdapter(HTTPAdapter):
    """Takes the one certificate that is pinned, whoever vouches for it. Compared before the request is sent."""

    def __init__(self, wanted_pin: str) -> None:
        self._pin = wanted_pin
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, assert_fingerprint=self._pin, ssl_context=pin.context())

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        super().cert_verify(conn, url, False, cert)  # type: ignore[no-untyped-call]

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        return super().build_connection_pool_key_attributes(request, False, cert)


class UserApi:
    """One server, one token. Not to be shared between threads."""

    def __init__(self, url: str, token: str, retry_pauses: tuple[float, ...] = RETRY_PAUSES) -> None:
        self.url, wanted_pin = pin.split(url)
        self.retry_pauses = retry_pauses
        self._session = requests.Session()
        self._session.auth = _Bearer(token)
        self._session.headers["User-Agent"] = f"nightshift/{VERSION}"
        self._session.headers["Accept"] = "application/json"
        if wanted_pin:
            self._session.mount(self.url, PinnedAdapter(wanted_pin))
        # A proxy of the environment cannot see this machine's loopback.
        self._session.trust_env = urlsplit(self.url).hostname not in LOOPBACK_HOSTS

    def submit(self, body: Json, idempotency_key: str) -> Json:
        """Create a task. The key makes a repeated request return the task of the first one."""
        return self._json("POST", "/api/tasks/", json=body, headers={"Idempotency-Key": idempotency_key})

    def tasks(self, **filters: str | int) -> Json:
        """One page of tasks, newest first."""
        return self._json("GET", "/api/tasks/", params=filters)

    def task(self, task_id: int) -> Json:
        with _naming(task_id):
            return self._json("GET", f"/api/tasks/{task_id}/")

    def wait(self, task_ids: Sequence[int], seconds: float) -> list[int]:
        """Those that have ended, as soon as there is one; none when after `seconds` there is none yet."""
        query = {"id": ",".join(map(str, task_ids)), "seconds": f"{seconds:.3f}"}
        return list(self._json("GET", "/api/tasks/wait/", params=query)["ended"])

    def why(self, task_id: int) -> Json:
        """Why it waits and when it is expected to start."""
        with _naming(task_id):
            return self._json("GET", f"/api/tasks/{task_id}/why/")

    def test(self, body: Json) -> Json:
        """Where and when this would start; nothing is queued."""
        return self._json("POST", "/api/tasks/test/", json=body)

    def cancel(self, task_id: int, reason: str, kill_now: bool, force: bool = False) -> Json:
        """Ask for the end of a task. Never repeated: a second request would cut the grace short."""
        body: Json = {"reason": reason, "kill_now": kill_now} | ({"force": True} if force else {})
        with _naming(task_id):
            return self._json("POST", f"/api/tasks/{task_id}/cancel/", json=body, may_repeat=False)

    def agents(self) -> list[Json]:
        return self._all_pages("/api/agents/")

    def host(self, agent_id: str, verb: str, body: Json) -> Json:
        """Do something to a host as an operator. Repeated it would be refused or change nothing, so it is not."""
        return self._json("POST", f"/api/agents/{agent_id}/{verb}/", json=body, may_repeat=False)

    def reserve(self, body: Json) -> Json:
        """Never repeated: a second request would book twice."""
        return self._json("POST", "/api/reservations/", json=body, may_repeat=False)

    def reservations(self, **filters: str) -> list[Json]:
        return self._all_pages("/api/reservations/", **filters)

    def release(self, reservation_id: int, reason: str) -> Json:
        path = f"/api/reservations/{reservation_id}/release/"
        return self._json("POST", path, json={"reason": reason}, may_repeat=False)

    def hold(self, task_id: int, reason: str) -> Json:
        return self._json("POST", f"/api/tasks/{task_id}/hold/", json={"reason": reason})

    def release_task(self, task_id: int, reason: str) -> Json:
        return self._json("POST", f"/api/tasks/{task_id}/release/", json={"reason": reason})

    def templates(self, **filters: str) -> list[Json]:
        return self._all_pages("/api/templates/", **filters)

    @contextmanager
    def log(
        self, task_id: int, offset: int, attempt_no: int | None, stream: str | None, rank: int | None = None
    ) -> Iterator[LogPiece]:
        """The stored log from `offset` on; an empty piece when nothing is stored beyond it."""
        params = {"attempt_no": attempt_no, "stream": stream, "rank": rank}
        # Identity: offsets count stored bytes, and a compressed answer would have to be unpacked whole.
        headers = {"Range": f"bytes={offset}-", "Accept": "*/*", "Accept-Encoding": "identity"}
        chosen = {key: value for key, value in params.items() if value is not None}
        path = f"/api/tasks/{task_id}/log"
        with self._send("GET", path, self.retry_pauses, params=chosen, headers=headers, stream=True) as response:
            if response.status_code not in (200, 206, 416):
                self._raise_for(response)
            yield self._log_piece(response)

    def _log_piece(self, response: requests.Response) -> LogPiece:
        first, size = _content_range(response)
        return LogPiece(
            offset=first,
            size=size,
            state=response.headers.get("X-Log-State", ""),
            task_status=response.headers.get("X-Task-Status", ""),
            blocks=iter(()) if response.status_code == 416 else self._blocks(response),
            gaps=tuple(_gaps(response.headers.get("X-Log-Gaps", ""))),
        )

    def _blocks(self, response: requests.Response) -> Iterator[bytes]:
        try:
            yield from response.iter_content(BLOCK_BYTES)
        except requests.RequestException as error:
            raise Unreachable(self.url, _reason(error)) from error

    def _all_pages(self, path: str, **filters: str | int) -> list[Json]:
        found: list[Json] = []
        page = 1
        while True:
            reply = self._json("GET", path, params={**filters, "page": page} if page > 1 else filters)
            found += reply["results"]
            if not reply.get("next"):
                return found
            page += 1

    def _json(self, method: str, path: str, *, may_repeat: bool = True, **options: Any) -> Json:
        with self._send(method, path, self.retry_pauses if may_repeat else (), **options) as response:
            if not 200 <= response.status_code < 300:
                self._raise_for(response)
            return self._decoded(response)

    def _send(self, method: str, path: str, pauses: tuple[float, ...], **options: Any) -> requests.Response:
        for pause in pauses:
            try:
                return self._send_once(method, path, **options)
            except Unreachable:
                time.sleep(pause)
        return self._send_once(method, path, **options)

    def _send_once(self, method: str, path: str, **options: Any) -> requests.Response:
        timeout = (CONNECT_SECONDS, READ_SECONDS)
        try:
            response = self._session.request(method, self.url + path, timeout=timeout, allow_redirects=False, **options)
        except requests.RequestException as error:
            raise Unreachable(self.url, _reason(error)) from error
        if response.status_code in AWAY_STATUSES:
            response.close()
            raise Unreachable(self.url, f"it answers HTTP {response.status_code} {response.reason}")
        return response

    def _decoded(self, response: requests.Response) -> Json:
        content_type = response.headers.get("Content-Type", "")
        try:
            value = response.json() if "json" in content_type else None
        except requests.RequestException:
            value = None
        if not isinstance(value, dict):
            raise Unreachable(self.url, f"what answers there is not Nightshift (content type {content_type or 'none'})")
        return value

    def _raise_for(self, response: requests.Response) -> None:
        status = response.status_code
        if 300 <= status < 400:
            target = response.headers.get("Location", "elsewhere")
            raise Unreachable(self.url, f"it redirects to {target}; use that address")
        if status >= 500:
            raise ServerFault(f"the server at {self.url} failed (HTTP {status}); its log says why")
        if "json" not in response.headers.get("Content-Type", ""):
            raise Refused(status, f"{self.url} answers HTTP {status} {response.reason}")
        raise _refusal(status, self._decoded(response))


@contextmanager
def _naming(task_id: int) -> Iterator[None]:
    """A general "not found" becomes one that names the task."""
    try:
        yield
    except Refused as error:
        if error.status != 404:
            raise
        raise Refused(404, f"there is no task {task_id}", code=error.code) from error


def _refusal(status: int, body: Json) -> Refused:
    detail, code = body.get("detail"), str(body.get("code", ""))
    if isinstance(detail, str):
        return Refused(status, detail, code=code)
    fields = {key: list(_messages(value)) for key, value in body.items()}
    return Refused(status, "the server refused the request", fields)


def _messages(value: Any) -> Iterator[str]:
    """The texts inside the nested lists and objects in which a field's errors come."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _messages(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _messages(inner)
    else:
        yield str(value)


def _content_range(response: requests.Response) -> tuple[int, int]:
    """(offset of the first byte, size of what is stored) from `bytes N-M/size` or `bytes */size`."""
    if response.status_code == 200:
        return 0, int(response.headers.get("Content-Length", 0))
    span, _, size = response.headers.get("Content-Range", "bytes */0").removeprefix("bytes ").partition("/")
    first = span.partition("-")[0]
    return (int(first) if first.isdigit() else int(size)), int(size)


def _reason(error: requests.RequestException) -> str:
    """A short reason instead of the nested texts of the HTTP library."""
    if isinstance(error, requests.exceptions.SSLError) and "ingerprint" in str(error):
        return "its certificate is not the one that was pinned; nothing was sent"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted (REQUESTS_CA_BUNDLE names a file of certificates to trust)"
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "it does not answer"
    if isinstance(error, requests.exceptions.Timeout):
        return "it took too long to answer"
    text = str(error)
    for sign, reason in _SIGNS:
        if sign in text:
            return reason
    return "the connection was lost" if isinstance(error, requests.ConnectionError) else text


_SIGNS = (
    ("Connection refused", "connection refused"),
    ("Name or service not known", "no such host"),
    ("Failed to resolve", "no such host"),
    ("No route to host", "no route to it"),
    ("Network is unreachable", "the network is unreachable"),
)


def _gaps(header: str) -> Iterator[tuple[int, int, str]]:
    """`100-250;cap, 300-310;spool_lost`; what is not of this form is passed over."""
    for start, stop, reason in re.findall(r"(\d{1,19})-(\d{1,19});([a-z_]+)", header):
        yield int(start), int(stop), reason
