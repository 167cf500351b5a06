"""What can go wrong between the command line and the server. Without the HTTP library: main agents import this, too."""

from collections.abc import Mapping

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")


class ApiError(Exception):
    """A call that had no good answer; the text is one sentence for people."""


class Unreachable(ApiError):
    """Nobody answered at `url`, or not a Nightshift server."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"cannot reach {url}: {reason}")
        self.url = url
        self.reason = reason


class ServerFault(ApiError):
    """The server answered that it failed itself."""


class Refused(ApiError):
    """The server refused the request. `fields` holds the messages by field, as the API spells the fields."""

    def __init__(self, status: int, detail: str, fields: Mapping[str, list[str]] | None = None, code: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.fields = dict(fields or {})
        self.code = code
