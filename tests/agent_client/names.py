"""A resolver that tests decide on: one name that leads to a port of this machine, or nowhere."""

import socket
from typing import Any

import pytest

NAME = "nightshift.test"


class Names:
    """A resolver that knows one name, or does not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.port: int | None = None
        self.asked = 0
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._resolve)

    def _resolve(self, host: Any, *rest: Any, **words: Any) -> Any:
        if host != NAME:
            return self._real(host, *rest, **words)
        self.asked += 1
        if self.port is None:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", self.port))]
