"""A fake host's network: whole, cut, deaf, dumb, slow. Skipped, with the reason, where the machine has none."""

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.chaos.namespaces import Lan, NetHost, cannot_slow_down, missing
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())
DIAL = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=0.5) as connection:
    connection.settimeout(5)
    connection.sendall(b"x" * 40_000)
    connection.shutdown(socket.SHUT_WR)
    print(connection.recv(10).decode())
"""


@pytest.fixture
def lan() -> Iterator[Lan]:
    with Lan() as made:
        yield made


@pytest.fixture
def listener(lan: Lan) -> Iterator[socket.socket]:
    with socket.create_server((lan.address, 0)) as server:
        server.settimeout(0.7)
        yield server


def reaches(host: NetHost, listener: socket.socket) -> bool:
    """Whether a connection from the host arrives here, with all that is sent, and is answered."""
    address, port = listener.getsockname()
    dial = subprocess.Popen([*host.inside, sys.executable, "-c", DIAL, address, str(port)], stderr=subprocess.DEVNULL)
    try:
        while dial.poll() is None:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(5)
                while connection.recv(65536):
                    pass
                connection.sendall(b"hello")
        return dial.returncode == 0
    finally:
        dial.kill()
        dial.wait()


@pytest.mark.parametrize("fault", ["cut", "lose_what_goes_out", "lose_what_comes_in"])
def test_a_host_that_is_not_reached_and_is_again(lan: Lan, listener: socket.socket, fault: str) -> None:
    host, other = lan.host("a"), lan.host("b")
    assert reaches(host, listener)
    getattr(host, fault)()
    assert (reaches(host, listener), reaches(other, listener)) == (False, True)
    host.heal()
    wait_until(lambda: reaches(host, listener), what="the host to be reached again")


def test_all_hosts_vanish_at_once(lan: Lan, listener: socket.socket) -> None:
    hosts = [lan.host("a"), lan.host("b")]
    lan.cut_all()
    assert [reaches(host, listener) for host in hosts] == [False, False]
    lan.heal_all()
    for host in hosts:
        wait_until(lambda: reaches(host, listener), what="the host to be reached again")  # noqa: B023


@pytest.mark.skipif(bool(cannot_slow_down()), reason=cannot_slow_down())
def test_a_slow_uplink(lan: Lan) -> None:
    host = lan.host("a")
    host.slow_down("10kbit")
    shown = subprocess.run([*host.inside, "tc", "qdisc", "show", "dev", "eth0"], capture_output=True, text=True)
    assert "rate 10Kbit" in shown.stdout
