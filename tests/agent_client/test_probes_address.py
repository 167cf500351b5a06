"""The address that a host says when nobody says one for it."""

import socket

import pytest

from agent_client.probes.address import local_address


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost", "https://127.0.0.1"])
def test_on_one_machine_it_is_the_loopback(url: str) -> None:
    assert local_address(url) == "127.0.0.1"


def test_it_is_one_of_our_own_and_nothing_listens_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The route is chosen towards the server; a datagram socket that is only connected sends nothing."""
    asked = []

    def resolve(host: str, port: int, **how: object) -> list[object]:
        asked.append((host, port))
        six = (socket.AF_INET6, socket.SOCK_DGRAM, 17, "", ("::1", port, 0, 0))
        return [six, (socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert local_address("https://lab.example/prefix") == "127.0.0.1"
    assert asked == [("lab.example", 443)]


def test_a_server_without_a_way_leaves_it_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert local_address("http://nowhere.invalid:1") == ""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, 2, 17, "", ("256.0.0.1", 1))])
    assert local_address("http://nowhere.invalid:1") == ""
