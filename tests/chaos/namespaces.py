"""Network namespaces: one for each fake host, joined by a bridge that leads nowhere but to this machine.

    with Lan() as lan:
        a = lan.host("a"); nightshift.start_agent(server_url=..., inside=a.inside)
        a.cut(); a.heal(); a.lose_what_goes_out(); a.slow_down("10kbit")

Needs root and the ip command; `missing()` says what is missing here. Every name and address is made from this process's
id, so that several can stand beside each other, and everything is removed at the end.
"""

import contextlib
import itertools
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache

_made = itertools.count()


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"
    return done.stdout


@cache
def missing() -> str:
    """Why there can be no namespaces here; empty when there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not shutil.which("ip"):
        return "there is no ip command (iproute2)"
    try:
        with Lan() as lan:
            lan.host("probe")
    except AssertionError as problem:
        return f"the kernel gives no network namespace or veth: {problem}"
    return ""


@cache
def cannot_slow_down() -> str:
    """Why no link can be made slow here."""
    if reason := missing():
        return reason
    if not shutil.which("tc"):
        return "there is no tc command (iproute2)"
    try:
        with Lan() as lan:
            lan.host("probe").slow_down("1mbit")
    except AssertionError as problem:
        return f"the kernel has no tc tbf: {problem}"
    return ""


@dataclass(frozen=True)
class NetHost:
    """One fake host. `inside` before a command runs it there."""

    namespace: str
    outer: str  # its end of the cable at the bridge
    address: str
    server_address: str

    @property
    def inside(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.namespace)

    def cut(self) -> None:
        """The cable is out: nothing passes either way."""
        run("ip", "link", "set", self.outer, "down")

    def heal(self) -> None:
        """Back to a good network, whatever was done to it."""
        run("ip", "link", "set", self.outer, "up")
        with contextlib.suppress(AssertionError):
            run(*self.inside, "ip", "route", "del", "blackhole", f"{self.server_address}/32")
        with contextlib.suppress(AssertionError):
            run("ip", "route", "del", "blackhole", f"{self.address}/32")
        with contextlib.suppress(AssertionError):
            run(*self.inside, "tc", "qdisc", "del", "dev", "eth0", "root")

    def lose_what_goes_out(self) -> None:
        """The server is heard, and hears nothing."""
        run(*self.inside, "ip", "route", "add", "blackhole", f"{self.server_address}/32")

    def lose_what_comes_in(self) -> None:
        """The server hears, and its answers are lost."""
        run("ip", "route", "add", "blackhole", f"{self.address}/32")

    def slow_down(self, rate: str) -> None:
        """The uplink, such as 10kbit."""
        run(
            *self.inside,
            "tc",
            "qdisc",
            "add",
            "dev",
            "eth0",
            "root",
            "tbf",
            "rate",
            rate,
            "burst",
            "2kb",
            "latency",
            "1s",
        )


class Lan:
    """A bridge with the address `address` on this side, and its hosts."""

    def __init__(self) -> None:
        number = os.getpid() * 16 + next(_made) % 16  # the kernel takes its time to forget the links of the one before
        self._name = f"ns{number % 0xFFFFFF:x}"
        self._network = f"10.{200 + number % 50}.{number // 50 % 250}"
        self.address = f"{self._network}.1"
        self.hosts: dict[str, NetHost] = {}

    def __enter__(self) -> "Lan":
        run("ip", "link", "add", self._name, "type", "bridge")
        try:
            run("ip", "address", "add", f"{self.address}/24", "dev", self._name)
            run("ip", "link", "set", self._name, "up")
        except AssertionError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Namespaces whose processes still live go when those end."""
        for host in self.hosts.values():
            with contextlib.suppress(AssertionError):
                host.heal()
            run("ip", "netns", "delete", host.namespace)
        run("ip", "link", "delete", self._name)

    def host(self, name: str) -> NetHost:
        """A new one, with a cable to the bridge."""
        number = len(self.hosts) + 2
        namespace, outer = f"{self._name}-{name}", f"{self._name}v{number}"
        host = NetHost(namespace, outer, f"{self._network}.{number}", self.address)
        run("ip", "netns", "add", namespace)
        self.hosts[name] = host
        cable = ("ip", "link", "add", outer, "type", "veth", "peer", "name", "eth0")
        run(*cable, "netns", namespace)
        run("ip", "link", "set", outer, "master", self._name, "up")
        for command in (
            ("address", "add", f"{host.address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
        ):
            run(*host.inside, "ip", *command)
        return host

    def cut_all(self) -> None:
        """The bridge itself is down: all hosts vanish at once."""
        run("ip", "link", "set", self._name, "down")

    def heal_all(self) -> None:
        run("ip", "link", "set", self._name, "up")
        for host in self.hosts.values():
            host.heal()
