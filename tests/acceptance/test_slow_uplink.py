"""A line of a few kB a second: the host stays online, the result does not wait for the log, the log drains later."""

import pytest

from tests.acceptance.test_output_limits import NUMBERED, check_what_is_kept, log_of
from tests.chaos.proxy import Proxy
from tests.running import Nightshift
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.matrix(30)]

MIB = 1 << 20
SLOW_BYTES_A_SECOND = 1250.0  # 10 kbit/s


def test_a_result_does_not_wait_for_its_log(idle_nightshift: Nightshift) -> None:
    server = idle_nightshift
    server.settings["LOG_MAX_MIB"] = "0"
    server.start()
    direct = server.url
    with Proxy(("127.0.0.1", server.port)) as proxy:
        server.url = proxy.url
        server.start_agent(name="far")
        server.url = direct
        proxy.uplink = SLOW_BYTES_A_SECOND
        task_id = server.submit(NUMBERED.format(mib=50))
        task = server.wait_for(task_id, "failed", seconds=120)
        assert task["exit_code"] == 7
        log = log_of(server, task_id)
        assert (log["state"], log["size"] < MIB) == ("draining", True), "the result waited for the log"
        before = log["size"]
        wait_until(lambda: log_of(server, task_id)["size"] > before, 60, "more of the log")
        (host,) = server.get("/api/agents/")["results"]
        assert host["status"] == "online"
        assert server.get(f"/api/tasks/{task_id}/sub-agents/")["results"][0]["unreachable_since"] is None
        proxy.uplink = None
        server.wait_for_log(task_id, seconds=120)
        log = log_of(server, task_id)
        assert (log["state"], log["size"], log["gaps"]) == ("complete", 50 * MIB, [])
        check_what_is_kept(server, task_id, log)
