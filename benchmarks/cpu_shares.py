"""Who uses the CPU while a batch of trivial scripts runs? Prints a row of JSON: CPU ms of a script, by thread of the
server and by kind of process on its host, beside what the whole machine used.

`python -m benchmarks.cpu_shares --count 300` runs that many in one submission under what `make run` starts; fifty
before them warm up. Names of threads are py-spy's, which needs root. Needs no running server.
"""

import argparse
import json
import os
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import psutil

from benchmarks.flames import CannotRecord, py_spy
from benchmarks.our_server import OurServer
from benchmarks.peers.processes import busy_seconds
from benchmarks.rows import tell

WARM_UP = 50
NUMBERED = re.compile(r"_\d+$")
Used = dict[str, float]  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    count = parser.parse_args().count
    ours = OurServer()
    try:
        ours.up(slots=2)
        run(ours, WARM_UP)
        before = used(ours)
        run(ours, count)
        after = used(ours)
    finally:
        ours.stop()
    shares = {f"{name}_ms": round(1e3 * (after[name] - before.get(name, 0.0)) / count, 2) for name in after}
    tell("cpu shares", count=count, **shares)


def run(ours: OurServer, count: int) -> None:
    """To the end of the last."""
    tasks = [{"name": "share", "script_content": "echo hello\n", "cpu_cores": 1} for _ in range(count)]
    left = ours.post("/api/tasks/batch/", {"tasks": tasks})["ids"]
    while left:
        asked = left[:500]
        left = ours.get("/api/tasks/wait/", id=",".join(map(str, asked)), until="all")["open"] + left[500:]


def used(ours: OurServer) -> Used:
    """So far, by whom; `machine` is everybody."""
    found: Used = defaultdict(float, machine=busy_seconds())
    server = ours.server()
    for process in psutil.Process(ours.pid()).children(recursive=True):
        if process.pid != server.pid:
            found[_kind(process.cmdline())] += _with_the_ended(process)
    for name, seconds in _of_threads(server.pid):
        found[f"server_{name}"] += seconds
    return found


def _kind(command: list[str]) -> str:
    """Sub agents are forks of the zygote; scripts are so short that they count with who has waited for them."""
    return "scripts_and_their_agents" if "zygote" in command else "main_agent"


def _with_the_ended(process: psutil.Process) -> float:
    """Its own and that of its children which have ended; nothing of one that ends meanwhile."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _of_threads(pid: int) -> Iterable[tuple[str, float]]:
    dump = subprocess.run([py_spy(), "dump", "--json", "--pid", str(pid)], check=True, stdout=subprocess.PIPE).stdout
    for thread in json.loads(dump):
        yield named(thread["thread_name"] or "others"), _seconds(pid, thread["os_thread_id"])


def named(thread: str) -> str:
    """Threads that do the same are one."""
    return NUMBERED.sub("", "loop" if thread == "MainThread" else thread).replace("-", "_")


def _seconds(pid: int, thread: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/task/{thread}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    try:
        main()
    except CannotRecord as error:
        raise SystemExit(str(error)) from None
