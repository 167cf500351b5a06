"""What does one task cost its host: CPU, fsyncs, requests, and milliseconds at both ends? Prints a row for each part.

`python -m benchmarks.host_life --count 50` lets a real main agent with its zygote and sub agents run that many scripts
of one line, one after the other, under a server that answers at once and does nothing else. `--running 10` then counts
the requests of so many scripts that run beside each other for `--seconds`. `--chain 200` runs so many of which each is
granted with the answer to the report that ends the one before. `--tree` names another working copy whose agent is to be
measured, so that two versions can take turns. Needs no running server.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from agent_client.main_agent.lock_holder import find_holder
from agent_client.process import proc
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.fake_sub_agents import FakeSubAgent
from tests.agent_client.main_agent_process import ROOT, AgentProcess, assign, place, running_agent
from tests.waiting import wait_until

WARM_UP = 10
LONGEST_CHAIN_SECONDS = 600.0
SCRIPT = "echo $EPOCHREALTIME\n"
COUNTER = """
import os
_target = os.open({path!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
def _counted(sync):
    def counting(descriptor):
        os.write(_target, b"x")
        sync(descriptor)
    return counting
os.fsync, os.fdatasync = _counted(os.fsync), _counted(os.fdatasync)
"""


class TimedServer(FakeServer):
    """Notes when each result arrived."""

    def __init__(self) -> None:
        super().__init__()
        self.known_at: dict[str, float] = {}
        self.chain: list[str] = []  # of which the next is placed when one ends

    def _handle_finish(self, sub_agent: FakeSubAgent, finish: dict[str, Any]) -> str:
        self.known_at.setdefault(sub_agent.sub_agent_id, time.time())
        if self.chain:
            place(self, self.chain.pop(0), SCRIPT)
        return super()._handle_finish(sub_agent, finish)


@dataclass(frozen=True)
class Use:
    main_seconds: float
    other_seconds: float
    syncs: int

    def __sub__(self, other: "Use") -> "Use":
        return Use(
            self.main_seconds - other.main_seconds, self.other_seconds - other.other_seconds, self.syncs - other.syncs
        )

    @property
    def cpu_seconds(self) -> float:
        return self.main_seconds + self.other_seconds


class Used:
    """What the processes of one agent have used since the last look. Scripts are children of sub agents and count."""

    def __init__(self, agent: AgentProcess, syncs: Path) -> None:
        self._agent = agent
        self._syncs = syncs
        self._before = self._now()

    def since(self) -> Use:
        before, self._before = self._before, self._now()
        return self._before - before

    def _now(self) -> Use:
        """A main agent has not waited for its zygote yet, whose use is its own."""
        main = self._agent.process.pid
        seconds = {stat.pid: stat.cpu_seconds for stat in [proc.read_stat(main), *proc.descendants(main)] if stat}
        return Use(seconds.pop(main), sum(seconds.values()), self._syncs.stat().st_size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--running", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--chain", type=int, default=0)
    parser.add_argument("--tree", type=Path, default=ROOT)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="nightshift-host-life-"))
    try:
        server = TimedServer()
        with server, running_agent(server, folder / "state", tree=arguments.tree, **_counting(folder)) as agent:
            used = Used(agent, folder / "syncs")
            if arguments.count:
                one_after_the_other(server, agent, used, arguments.count)
            if arguments.chain:
                each_granted_ahead(server, agent, used, arguments.chain)
            if arguments.running:
                beside_each_other(server, agent, used, arguments.running, arguments.seconds)
    finally:
        shutil.rmtree(folder)


def _counting(folder: Path) -> dict[str, str]:
    """The environment in which every Python of the agent counts its fsyncs in one file."""
    (folder / "path").mkdir()
    (folder / "syncs").touch()
    (folder / "path" / "sitecustomize.py").write_text(COUNTER.format(path=str(folder / "syncs")))
    return {"PYTHONPATH": str(folder / "path")}


def one_after_the_other(server: TimedServer, agent: AgentProcess, used: Used, count: int) -> None:
    starts, ends, calls = [], [], 0
    for number in range(-1, count):
        if number == 0:  # the first has warmed up
            used.since()
            calls = len(server.calls)
        name, began = f"one-{number}", time.time()
        assign(server, name, SCRIPT)
        wait_until(partial(_is_over, server, agent, name), what="the end")
        ran_at = float(server.sub_agent(name).stream("out").content)
        starts.append(1000 * (ran_at - began))
        ends.append(1000 * (server.known_at[name] - ran_at))
    use = used.since()
    print(f"from the ring to the first command  {statistics.median(starts[1:]):8.1f} ms")  # noqa: T201
    print(f"from there until the result is known{statistics.median(ends[1:]):8.1f} ms")  # noqa: T201
    _print_use(use, count)
    for path, times in sorted(_kinds(server, calls).items()):
        print(f"requests of a task: {path:16}{times / count:8.2f}")  # noqa: T201


def each_granted_ahead(server: TimedServer, agent: AgentProcess, used: Used, count: int) -> None:
    names = [f"chain-{number}" for number in range(WARM_UP + count)]
    server.chain = names[1:]
    assign(server, names[0], SCRIPT)
    wait_until(partial(_is_over, server, agent, names[WARM_UP - 1]), what="the chain warmed up")
    used.since()
    wait_until(partial(_is_over, server, agent, names[-1]), what="the end of the chain", seconds=LONGEST_CHAIN_SECONDS)
    use = used.since()
    ran_at = [float(server.sub_agent(name).stream("out").content) for name in names]
    steps = list(zip(names[WARM_UP:], ran_at[WARM_UP:], ran_at[WARM_UP + 1 :], strict=False))
    ends = [1000 * (server.known_at[name] - began) for name, began, _ in steps]
    starts = [1000 * (following - server.known_at[name]) for name, _, following in steps]
    print(f"chain: a step, all in all           {1000 * (ran_at[-1] - ran_at[WARM_UP]) / (count - 1):8.1f} ms")  # noqa: T201
    late = statistics.quantiles(starts, n=20)[-1]
    print(f"chain: result known to the next first command{statistics.median(starts):8.1f} ms, p95 {late:.1f}")  # noqa: T201
    print(f"chain: first command to the result known{statistics.median(ends):8.1f} ms")  # noqa: T201
    _print_use(use, count)


def _print_use(use: Use, count: int) -> None:
    print(f"CPU of a task, its script included  {1000 * use.cpu_seconds / count:8.1f} ms")  # noqa: T201
    print(f"of which the main agent             {1000 * use.main_seconds / count:8.1f} ms")  # noqa: T201
    print(f"fsyncs of a task                    {use.syncs / count:8.1f}")  # noqa: T201


def _is_over(server: TimedServer, agent: AgentProcess, name: str) -> bool:
    """And nothing of it is left to be done on the host."""
    return server.sub_agent(name).is_complete and not (agent.sub_agents / name).exists()


def _kinds(server: TimedServer, since: int) -> Counter[str]:
    return Counter(path.rpartition("/")[2] for path in server.paths()[since:])


def beside_each_other(server: TimedServer, agent: AgentProcess, used: Used, running: int, seconds: float) -> None:
    names = [f"beside-{number}" for number in range(running)]
    for name in names:
        assign(server, name, "sleep 1000")
    wait_until(lambda: all(server.sub_agent(name).started for name in names), what="the starts")
    used.since()
    calls = len(server.calls)
    time.sleep(seconds)
    use = used.since()
    reports = _kinds(server, calls)["report"] / seconds
    print(f"{running} running: reports a second {reports:16.2f}, CPU {100 * use.cpu_seconds / seconds:.1f} % of a core")  # noqa: T201
    print(f"memory of a sub agent (PSS)         {_memory_mib(agent, names):8.2f} MiB")  # noqa: T201


def _memory_mib(agent: AgentProcess, names: list[str]) -> float:
    holders = [find_holder(agent.folder(name)) for name in names]
    texts = [Path(f"/proc/{holder.pid}/smaps_rollup").read_text() for holder in holders if holder is not None]
    return statistics.mean(int(text.partition("\nPss:")[2].split()[0]) for text in texts) / 1024


if __name__ == "__main__":
    os.environ.pop("PYTHONPATH", None)
    main()
