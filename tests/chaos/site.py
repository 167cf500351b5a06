"""A real site to break: one server and several main agents, each behind a chaos proxy of its own and, where root
allows it, in a network namespace of its own. Breaks nothing by itself.
"""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.acceptance.processes import is_running, parent_of, with_variable
from tests.chaos.namespaces import Lan, NetHost, missing
from tests.chaos.proxy import Proxy
from tests.running import AgentProcess, Nightshift, end_scripts, prepared_site

CORES = 4
SMALL_DISK = "24m"
# Faults are the nemesis's here, not a host's or a task's: nobody is there to resume or release what the guards stop.
# Leases are short, so that a host is cut off for longer than them within a run; the time to kill is long, because
# what should kill is frozen here for up to 9 s.
SETTINGS = {
    "AMNESTY_SECONDS": "10",
    "HOST_FAULTS": "0",
    "TASK_VOIDS": "0",
    "UNREACHABLE_SECONDS": "10",
    "FAILOVER_STOP_SECONDS": "10",
    "FAILOVER_KILL_SECONDS": "12",
    "FAILOVER_MARGIN_SECONDS": "1",
}


@dataclass
class ChaosHost:
    name: str
    proxy: Proxy
    state_dir: Path
    net: NetHost | None = None
    agent: AgentProcess | None = None
    has_small_disk: bool = False

    def scripts(self) -> list[tuple[int, int]]:
        """(script, sub agent) processes of what runs here, by the records on disk."""
        found = []
        for record in self.state_dir.glob("sub_agents/*/started.json"):
            with contextlib.suppress(OSError, ValueError, KeyError):
                pid = int(json.loads(record.read_text())["pid"])
                if not (record.parent / "exit.json").exists() and is_running(pid) and parent_of(pid) > 1:
                    found.append((pid, parent_of(pid)))
        return found

    def folders(self) -> list[str]:
        return [path.name for path in self.state_dir.glob("sub_agents/*")]


@dataclass
class ChaosSite:
    nightshift: Nightshift
    hosts: list[ChaosHost]
    lan: Lan | None
    witness: Path
    notes: list[str] = field(default_factory=list)

    def start_agent(self, host: ChaosHost) -> None:
        """A new main agent on what the last one left."""
        inside = host.net.inside if host.net else ()
        settings = {"NIGHTSHIFT_AGENT_MIN_FREE_DISK_MIB": "1"} if host.has_small_disk else {}
        declared = {"cpu_cores": CORES, "memory_mib": 8192}
        host.agent = self.nightshift.start_agent(
            declared,
            name=host.name,
            state_dir=host.state_dir,
            wait=False,
            server_url=host.proxy.url,
            inside=inside,
            **settings,
        )

    def heal(self) -> None:
        """A good network for everybody."""
        if self.lan is not None:
            self.lan.heal_all()
        for host in self.hosts:
            host.proxy.clear()
            host.proxy.heal()


@contextlib.contextmanager
def chaos_site(folder: Path, host_count: int, seed: int) -> Iterator[ChaosSite]:
    with contextlib.ExitStack() as closing:
        lan = None if missing() else closing.enter_context(Lan())
        address = lan.address if lan else "127.0.0.1"
        settings = {**SETTINGS, **({"ALLOWED_HOSTS": lan.address} if lan else {})}
        nightshift = Nightshift(prepared_site(folder / "prepared"), folder / "site", settings)
        closing.callback(lambda: nightshift.server and nightshift.server.kill())
        nightshift.start()
        witness = folder / "witness"
        witness.mkdir()
        site = ChaosSite(nightshift, [], lan, witness)
        if lan is None:
            site.notes.append(f"no network namespaces: {missing()}; partitions by the proxy alone")
        for number in range(host_count):
            proxy = closing.enter_context(Proxy(("127.0.0.1", nightshift.port), host=address, seed=seed + number))
            host = ChaosHost(f"host-{number}", proxy, folder / "agents" / f"host-{number}")
            host.net = lan.host(f"h{number}") if lan else None
            host.state_dir.mkdir(parents=True, mode=0o700)
            if number == 0:
                host.has_small_disk = _mounted(host.state_dir, closing)
            site.hosts.append(host)
            site.start_agent(host)
        closing.callback(_end, site)
        yield site


def _end(site: ChaosSite) -> None:
    """Also what is frozen, and whatever a failed run left behind."""
    site.heal()
    for process in [site.nightshift.server, *(host.agent for host in site.hosts)]:
        if process is not None and process.is_alive():
            process.kill()
    for host in site.hosts:
        end_scripts(host.state_dir)
    for pid in with_variable("WITNESS", str(site.witness)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    site.nightshift.http.close()


def _mounted(folder: Path, closing: contextlib.ExitStack) -> bool:
    """A small disk of its own under the folder, if we may."""
    if os.geteuid() != 0:
        return False
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK},mode=700", "chaos", str(folder)]
    if subprocess.run(mount, check=False).returncode != 0:
        return False
    closing.callback(subprocess.run, ["umount", "--lazy", str(folder)], check=False)
    return True
