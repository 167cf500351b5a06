"""A real sub agent against a server that is away, broken or forgetful: the result and every byte arrive once."""

from pathlib import Path

import pytest

from tests.agent_client import faults
from tests.agent_client.fake_server import FakeServer, Fault
from tests.agent_client.sub_agents import IMPATIENT, start_sub_agent
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(120)


def test_result_waits_for_a_server_that_is_away(server: FakeServer, tmp_path: Path) -> None:
    with start_sub_agent(
        server,
        tmp_path,
        "echo up; while ! [ -e go ]; do sleep 0.05; done; echo end; exit 7",
        working_directory=str(tmp_path),
    ) as running:
        running.wait_running()
        server.stop()
        (tmp_path / "go").touch()
        wait_until(lambda: running.folder.read_exit() is not None, 20, "the exit record")
        assert running.seen.finish is None
        server.start()
        finish = running.wait_delivered(60)
    assert finish["exit_code"] == 7
    assert running.seen.output() == b"up\nend\n"


def test_a_script_outlives_its_server_from_the_first_moment(server: FakeServer, tmp_path: Path) -> None:
    server.stop()
    with start_sub_agent(server, tmp_path, "echo alone; exit 2") as running:
        wait_until(lambda: running.folder.read_exit() is not None, 20, "the exit record")
        server.start()
        finish = running.wait_delivered(60)
    assert finish["exit_code"] == 2
    assert running.seen.started is not None


def test_a_result_does_not_wait_for_the_back_off_of_what_came_before(server: FakeServer, tmp_path: Path) -> None:
    script = "while ! [ -e go ]; do sleep 0.05; done; echo end"
    with start_sub_agent(server, tmp_path, script, working_directory=str(tmp_path)) as running:
        running.wait_running()
        with server.failing(faults.turned_away):
            wait_until(lambda: server.faults_served >= 1, 20, "a report that is turned away")
        (tmp_path / "go").touch()
        finish = running.wait_delivered(60)
    assert finish["exit_code"] == 0
    assert running.seen.output() == b"end\n"


@pytest.mark.parametrize(
    "fault",
    [
        faults.drop_request,
        pytest.param(faults.drop_reply, marks=pytest.mark.matrix(24), id="drop_reply"),
        faults.duplicate,
        pytest.param(faults.bad_gateway, marks=pytest.mark.matrix(27), id="bad_gateway"),
        pytest.param(faults.captive_portal, marks=pytest.mark.matrix(27), id="captive_portal"),
        pytest.param(faults.redirect, marks=pytest.mark.matrix(27), id="redirect"),
        faults.overloaded,
        pytest.param(faults.truncated, marks=pytest.mark.matrix(31), id="truncated"),
        pytest.param(faults.not_json, marks=pytest.mark.matrix(31), id="not_json"),
    ],
)
def test_every_second_exchange_goes_wrong(server: FakeServer, tmp_path: Path, fault: Fault) -> None:
    calls = 0

    def every_second(handler: faults.Handler) -> bool:
        nonlocal calls
        calls += 1
        return bool(calls % 2) and fault(handler)

    # Pieces are halved down to 4 KiB, and each costs a wait: enough for several of the smallest, no more.
    script = "head -c 30000 /dev/zero | tr '\\0' x; sleep 0.3; echo end; exit 3"
    with server.failing(every_second), start_sub_agent(server, tmp_path, script, IMPATIENT) as running:
        finish = running.wait_delivered(90)
    assert finish["exit_code"] == 3
    assert running.seen.output() == b"x" * 30_000 + b"end\n"
    assert calls >= 2


def test_a_refused_credential_stops_nothing(server: FakeServer, tmp_path: Path) -> None:
    script = "while ! [ -e go ]; do sleep 0.05; done; echo fine"
    with start_sub_agent(server, tmp_path, script, IMPATIENT, working_directory=str(tmp_path)) as running:
        with server.failing(faults.unauthorized):
            wait_until(lambda: server.faults_served >= 3, 20, "refusals")
            (tmp_path / "go").touch()
            wait_until(lambda: running.folder.read_exit() is not None, 20, "the exit record")
        finish = running.wait_delivered(60)
    assert finish["exit_code"] == 0
    assert running.seen.output() == b"fine\n"


def test_unequal_digests_start_the_stream_over(server: FakeServer, tmp_path: Path) -> None:
    server.sub_agent("sub-1").corrupt_next_close = True
    with start_sub_agent(server, tmp_path, "head -c 200000 /dev/urandom") as running:
        running.wait_delivered(60)
        assert running.seen.output() == running.spooled()
    assert running.seen.stream("out").mismatches == 1


def test_a_server_that_lost_bytes_gets_them_again(server: FakeServer, tmp_path: Path) -> None:
    script = "echo first; while ! [ -e go ]; do sleep 0.05; done; echo second"
    with start_sub_agent(server, tmp_path, script, working_directory=str(tmp_path)) as running:
        wait_until(lambda: running.seen.output() == b"first\n", 20, "the first line at the server")
        with server.lock:
            del running.seen.stream("out").content[2:]
        (tmp_path / "go").touch()
        running.wait_delivered(60)
    assert running.seen.output() == b"first\nsecond\n"


@pytest.mark.parametrize("code", ["already_final", "sub_agent_closed"])
def test_an_answer_that_the_result_is_too_late_ends_the_delivery(server: FakeServer, tmp_path: Path, code: str) -> None:
    with start_sub_agent(server, tmp_path, "exit 1") as running:
        running.seen.codes += [code] * 20
        wait_until(lambda: running.folder.read_delivered() is not None, 30, "the end of the delivery")
        assert running.process.wait(20) == 0
    delivered = running.folder.read_delivered()
    assert delivered is not None
    assert delivered["result_code"] == code


def test_closed_on_the_server_keeps_what_runs(server: FakeServer, tmp_path: Path) -> None:
    with start_sub_agent(
        server, tmp_path, "while ! [ -e go ]; do sleep 0.05; done; exit 5", working_directory=str(tmp_path)
    ) as running:
        running.wait_running()
        running.seen.codes += ["sub_agent_closed"] * 2
        wait_until(lambda: not running.seen.codes, 20, "two refusals")
        (tmp_path / "go").touch()
        wait_until(lambda: running.folder.read_exit() is not None, 20, "the exit record")
    record = running.folder.read_exit()
    assert record is not None
    assert (record["reason"], record["exit_code"]) == ("exit", 5)


def test_output_flows_while_watched(server: FakeServer, tmp_path: Path) -> None:
    server.sub_agent("sub-1").watched = True
    with start_sub_agent(server, tmp_path, "for ((n = 0; n < 15; n++)); do echo $n; sleep 0.1; done") as running:
        running.wait_delivered()
    assert running.seen.output() == b"".join(b"%d\n" % n for n in range(15))
    assert server.paths().count("/agent/v1/report") >= 4
