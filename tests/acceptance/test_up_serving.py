"""The real server under clients that misbehave: memory stays bounded, others are served meanwhile."""

import socket
import time

import psutil
import pytest

from tests.running import Nightshift
from tests.waiting import wait_until

pytestmark = pytest.mark.acceptance

MIB = 1024 * 1024
OUTPUT_BYTES = 200 * MIB
PRINT_MUCH = f"head -c {OUTPUT_BYTES} /dev/zero"


@pytest.fixture(scope="module")
def large_task(nightshift: Nightshift) -> int:
    nightshift.settings["LOG_MAX_MIB"] = "0"
    nightshift.restart()
    nightshift.start_agent({"cpu_cores": 4, "memory_mib": 8192, "gpus": []})
    task_id = nightshift.submit(PRINT_MUCH)
    assert nightshift.wait_for(task_id, seconds=120)["status"] == "completed"
    wait_until(lambda: nightshift.task(task_id)["log_size"] == OUTPUT_BYTES, 60, "all output to be stored")
    return task_id


def memory_mib(nightshift: Nightshift) -> float:
    assert nightshift.server is not None
    return float(psutil.Process(nightshift.server.pid).memory_info().rss / MIB)


def ask_for_log(nightshift: Nightshift, task_id: int) -> socket.socket:
    """A client that asks and then reads nothing."""
    client = socket.create_connection(("127.0.0.1", nightshift.port))
    lines = [f"GET /api/tasks/{task_id}/log HTTP/1.1", "Host: localhost", f"Authorization: Bearer {nightshift.token}"]
    client.sendall("\r\n".join([*lines, "", ""]).encode())
    return client


def test_a_client_that_does_not_read_costs_no_memory(nightshift: Nightshift, large_task: int) -> None:
    before = memory_mib(nightshift)
    clients = [ask_for_log(nightshift, large_task) for _ in range(3)]
    until = time.monotonic() + 3
    while time.monotonic() < until:
        assert memory_mib(nightshift) < before + 100
        assert nightshift.get("/api/tasks/ids/?since=0")["ids"]
    for client in clients:
        client.close()


def test_a_long_download_arrives_whole(nightshift: Nightshift, large_task: int) -> None:
    before = memory_mib(nightshift)
    with nightshift.http.get(f"{nightshift.url}/api/tasks/{large_task}/log", stream=True, timeout=60) as reply:
        received = sum(len(piece) for piece in reply.iter_content(MIB))
    assert received == OUTPUT_BYTES
    assert memory_mib(nightshift) < before + 100


def test_the_server_comes_back_after_a_kill(nightshift: Nightshift, large_task: int) -> None:
    nightshift.kill_server()
    nightshift.restart()
    assert nightshift.task(large_task)["log_size"] == OUTPUT_BYTES
    assert nightshift.get("/health/")["status"] == "ok"


def test_a_body_over_the_limit_is_refused(nightshift: Nightshift) -> None:
    reply = nightshift.http.post(f"{nightshift.url}/api/tasks/", data=b"x" * (5 * MIB), timeout=30)
    assert reply.status_code == 413
    assert reply.json()["code"] == "too_large"


def test_nothing_secret_is_in_the_log(nightshift: Nightshift) -> None:
    link = nightshift.printed_link()
    assert nightshift.http.get(link, timeout=30).ok
    assert nightshift.http.get(link + "x", timeout=30).status_code in {200, 403}
    text = (nightshift.data_dir / "logs" / "system" / "server.log").read_text()
    assert "server_starting" in text
    for secret in (link.rpartition("/")[2], nightshift.token, nightshift.site.enrolment_token):
        assert secret not in text
