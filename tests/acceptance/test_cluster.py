"""`make run-cluster` as a user runs it: two servers on one PostgreSQL. What one takes the other knows; one is killed,
the other goes on; Redis is killed, and stands still, and only promptness is lost."""

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.postgres import NO_POSTGRESQL, PG_CTL
from tests.redis_server import NO_REDIS, REDIS_SERVER
from tests.running import ROOT, Process, end_scripts, environment, free_port, start_process
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(PG_CTL is None, reason=NO_POSTGRESQL),
    pytest.mark.skipif(REDIS_SERVER is None, reason=NO_REDIS),
]
ALONE = re.compile(r"server \d alone: (http://127\.0\.0\.1:\d+)")
FINAL = ("completed", "failed", "canceled")


@dataclass
class Server:
    url: str
    process: psutil.Process

    def loops(self) -> dict[str, Any]:
        found: dict[str, Any] = requests.get(f"{self.url}/health/", timeout=10).json()["loops"]
        return found

    def acts(self) -> bool:
        """In all loops."""
        return not any(loop["standing_by"] for loop in self.loops().values())

    def stands_by(self) -> bool:
        return self.loops()["reaper"]["standing_by"] and self.loops()["scheduling"]["standing_by"]


@dataclass
class Cluster:
    folder: Path
    port: int
    run: Process

    @property
    def data_dir(self) -> Path:
        return self.folder / "data" / "cluster"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def children(self) -> list[psutil.Process]:
        """Without those that have just ended."""
        found = psutil.Process(self.run.pid).children()
        return [child for child in found if child.status() != psutil.STATUS_ZOMBIE]

    def child(self, words: str) -> psutil.Process:
        def find() -> psutil.Process | None:
            return next((child for child in self.children() if words in " ".join(child.cmdline())), None)

        found = wait_until(find, 30, f"a child with {words}")
        assert found is not None
        return found

    def servers(self) -> list[Server]:
        """As they answer now, each at its own address."""
        urls = ALONE.findall(self.run.output())
        processes = [child for child in self.children() if "serve" in child.cmdline()]
        by_port = {child.environ()["NIGHTSHIFT_PORT"]: child for child in processes}
        assert len(urls) == 2
        return [Server(url, by_port[url.rpartition(":")[2]]) for url in urls]

    def all_answer(self) -> bool:
        try:
            return len(self.servers()) == 2 and all(server.loops() for server in self.servers())
        except (requests.RequestException, KeyError):
            return False

    def ask(self, method: str, path: str, url: str = "", **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {(self.data_dir / 'cli_token').read_text()}"}
        reply = requests.request(method, f"{url or self.url}{path}", headers=headers, timeout=60, **more)
        assert reply.ok, f"{method} {path}: {reply.status_code} {reply.text[:500]}"
        return reply.json()

    def submit(self, script: str, url: str = "") -> int:
        return int(self.ask("POST", "/api/tasks/", url, json={"name": "test", "script_content": script})["id"])

    def status(self, task_id: int, url: str = "") -> str:
        return str(self.ask("GET", f"/api/tasks/{task_id}/", url)["status"])

    def ended(self, task_id: int, url: str = "") -> str:
        """As a client that waits learns it."""
        wait_until(lambda: self.ask("GET", f"/api/tasks/wait/?id={task_id}", url)["ended"], 90, f"{task_id} to end")
        return self.status(task_id, url)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    port, log = free_port(), folder / "cluster.out"
    env = {**environment(folder / "data", port), "XDG_CONFIG_HOME": str(folder / "config"), "HOME": str(folder)}
    run = Process(start_process([sys.executable, "-m", "scheduler_site.cluster"], log, env), log)
    found = Cluster(folder, port, run)
    database = Path()
    try:
        wait_until(lambda: "Ctrl-C stops it" in run.output() or not run.is_alive(), 150, "the cluster to run")
        assert run.is_alive(), run.output()
        command = found.child("postgres").cmdline()
        database = Path(command[command.index("-D") + 1])
        wait_until(lambda: found.ask("GET", "/api/agents/")["results"], 60, "the host")
        yield found
    finally:
        children = psutil.Process(run.pid).children(recursive=True) if run.is_alive() else []
        if run.is_alive():
            run.child.send_signal(signal.SIGINT)
            run.child.wait(90)
        end_scripts(found.data_dir / "agent" / "state")
        left = [child for child in children if child.is_running() and "agent_client" not in str(child.cmdline())]
        shutil.rmtree(database, ignore_errors=True)
        assert left == []
        assert "Nightshift has stopped." in run.output()


def test_what_one_takes_the_other_knows(cluster: Cluster) -> None:
    one, other = cluster.servers()
    assert sorted([one.acts(), other.acts()]) == [False, True]
    task_id = cluster.submit("echo hello", one.url)
    assert cluster.ended(task_id, other.url) == "completed"
    log = requests.get(
        f"{other.url}/api/tasks/{task_id}/log",
        headers={"Authorization": f"Bearer {(cluster.data_dir / 'cli_token').read_text()}"},
        timeout=30,
    )
    assert log.content == b"hello\n"


def test_the_one_that_acts_is_killed_and_all_goes_on(cluster: Cluster) -> None:
    go_on = cluster.folder / "go-on"
    running = cluster.submit(f"while [ ! -e {go_on} ]; do sleep 0.05; done; exit 7")
    wait_until(lambda: cluster.status(running) == "running", 60, "the script to run")
    acting, standing_by = sorted(cluster.servers(), key=Server.stands_by)
    assert (acting.acts(), standing_by.stands_by()) == (True, True)
    acting.process.kill()
    wait_until(standing_by.acts, 30, "the loops to move")
    assert cluster.ended(cluster.submit("true", standing_by.url), standing_by.url) == "completed"
    go_on.touch()
    assert cluster.ended(running, standing_by.url) == "failed"
    assert cluster.ask("GET", f"/api/tasks/{running}/")["exit_code"] == 7
    wait_until(cluster.all_answer, 90, "the killed server to be back")
    assert len(cluster.ask("GET", f"/api/tasks/{running}/sub-agents/")["results"]) == 1
    assert all(host["status"] == "online" for host in cluster.ask("GET", "/api/agents/")["results"])


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_without_redis_nothing_but_promptness_is_lost(cluster: Cluster, how: signal.Signals) -> None:
    redis, servers = cluster.child("redis-server"), cluster.servers()
    redis.send_signal(how)
    try:
        for one, other in (servers, servers[::-1]):
            assert cluster.ended(cluster.submit("true", one.url), other.url) == "completed"
    finally:
        with suppress(psutil.NoSuchProcess):
            redis.send_signal(signal.SIGCONT)
    logs = [cluster.data_dir / "logs/system" / f"server-{number}.log" for number in (1, 2)]
    wait_until(lambda: all(_hears_again(log) for log in logs), 60, "the servers to hear each other again")


def _hears_again(log: Path) -> bool:
    words = re.findall("event=(nudges_lost|nudges_heard)", log.read_text())
    return bool(words) and words[-1] == "nudges_heard"


def test_no_invariant_is_broken(cluster: Cluster) -> None:
    env = cluster.servers()[0].process.environ()
    done = subprocess.run(
        [sys.executable, "manage.py", "check_invariants"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "All invariants hold." in done.stdout, done.stderr


def test_a_second_start_says_where_the_first_runs(cluster: Cluster) -> None:
    env = environment(cluster.folder / "data", free_port())
    done = subprocess.run(
        [sys.executable, "-m", "scheduler_site.cluster"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, cluster.url in done.stderr) == (1, True)


def test_it_leaves_the_folder_of_a_plain_run_alone(cluster: Cluster) -> None:
    assert [path.name for path in (cluster.folder / "data").iterdir()] == ["cluster"]
