"""What can go wrong between an agent and its server: faults for FakeServer.fail_next and FakeServer.failing."""

import json
import time
from typing import Any

from tests.agent_client.fake_server import INSTANCE, Fault, Handler, Reply

STALL_SECONDS = 30.0


def drop_request(handler: Handler) -> bool:
    """The connection breaks before the server has seen the call."""
    return handler.hang_up()


def drop_reply(handler: Handler) -> bool:
    """The server handles the call, and its answer is lost."""
    handler.dispatch()
    return handler.hang_up()


def duplicate(handler: Handler) -> bool:
    """The call arrives twice."""
    handler.dispatch()
    return False


def bad_gateway(handler: Handler) -> bool:
    """A proxy's page instead of an answer."""
    handler.send(502, b"<html>Bad Gateway</html>", {"Content-Type": "text/html"})
    return True


def captive_portal(handler: Handler) -> bool:
    handler.send(200, b"<html>Please log in</html>", {"Content-Type": "text/html"})
    return True


def redirect(handler: Handler) -> bool:
    handler.send(302, b"", {"Location": "http://127.0.0.1:1/"})
    return True


def unauthorized(handler: Handler) -> bool:
    handler.answer(Reply(401, {"code": "unauthorized", "detail": "wrong or revoked"}))
    return True


def overloaded(handler: Handler) -> bool:
    content = json.dumps({"detail": "the database is locked"}).encode()
    headers = {"Content-Type": "application/json", "X-Instance": INSTANCE, "Retry-After": "1"}
    handler.send(503, content, headers)
    return True


def turned_away(handler: Handler) -> bool:
    """Overloaded, and plain reports are to come again in ten minutes."""
    headers = {"Content-Type": "application/json", "X-Instance": INSTANCE, "Retry-After": "600"}
    handler.send(503, b'{"code": "busy", "detail": "later"}', headers)
    return True


def truncated(handler: Handler) -> bool:
    """Half of the answer's body, then the end of the connection."""
    content = json.dumps(handler.dispatch().body).encode()
    headers = {"Content-Type": "application/json", "X-Instance": INSTANCE}
    handler.send(200, content[: len(content) // 2], headers, length=len(content))
    return handler.hang_up()


def not_json(handler: Handler) -> bool:
    handler.send(200, b"{broken", {"Content-Type": "application/json", "X-Instance": INSTANCE})
    return True


def stall(handler: Handler) -> bool:
    """Headers, then nothing, until the client gives up."""
    handler.send(200, b"", {"Content-Type": "application/json", "X-Instance": INSTANCE}, length=100)
    handler.server_state.pause(STALL_SECONDS)
    return handler.hang_up()


def trickle(handler: Handler) -> bool:
    """A byte at a time: each comes in time, the whole does not."""
    handler.send(200, b"", {"Content-Type": "application/json", "X-Instance": INSTANCE}, length=10_000)
    return _drip(handler)


def trickle_headers(handler: Handler) -> bool:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    return _drip(handler)


def _drip(handler: Handler) -> bool:
    end = time.monotonic() + STALL_SECONDS
    while time.monotonic() < end and not handler.server_state.is_stopping():
        try:
            handler.wfile.write(b" ")
        except OSError:
            break
        handler.server_state.pause(0.05)
    return handler.hang_up()


def coded(status: int, code: str, **more: Any) -> Fault:
    """A refusal of our own server."""

    def answer(handler: Handler) -> bool:
        handler.answer(Reply(status, {"code": code, "detail": f"answered {code}", **more}))
        return True

    return answer
