"""Reports: one entry spoils no other, and nothing a script or a host says keeps a result from being stored."""

from typing import Any

import pytest
from django.utils import timezone

from agents.models import Agent
from tasks.models import OutputLog, Task
from tasks.output import log_files
from tasks.reporting import reports
from tasks.scheduling.run import run_pass
from tests.factories import make_task
from tests.tasks.protocol import PaperHost, finish, piece

pytestmark = pytest.mark.django_db


@pytest.fixture
def host() -> PaperHost:
    return PaperHost()


def granted(host: PaperHost, **fields: Any) -> dict[str, Any]:
    """A claimed and started sub agent of a new task."""
    make_task(**fields)
    run_pass()
    grant = host.claim(host.beat()["assignments"][0])
    host.report(grant, started={"pid": 7})
    return grant


def entry(grant: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return {
        "sub_agent_id": grant["sub_agent_id"],
        "fence": grant["fence"],
        "token": grant["sub_agent_token"],
        **parts,
    }


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


BAD_ENTRIES = {
    "no token": ({"token": 5}, "bad_message"),
    "a wrong token": ({"token": "0" * 64}, "unauthorized"),
    "a token that is not ASCII": ({"token": "é"}, "unauthorized"),
    "an old fence": ({"fence": 0}, "unauthorized"),
    "nobody": ({"sub_agent_id": "00000000-0000-0000-0000-000000000000"}, "unknown_sub_agent"),
    "not an id": ({"sub_agent_id": "x"}, "bad_message"),
    "a stream that is none": ({"finish": finish(sizes={"outer": 1})}, "bad_message"),
    "a reason that is none": ({"finish": finish(reason="boredom")}, "bad_message"),
}


@pytest.mark.parametrize("name", BAD_ENTRIES)
def test_a_bad_entry_is_answered_by_itself(host: PaperHost, name: str) -> None:
    wrong, code = BAD_ENTRIES[name]
    grant = granted(host)
    good = entry(grant, output=[piece(b"hello")])
    bad, fine = host.post("report", {"entries": [entry(grant, **wrong), good]})["replies"]
    assert (bad["code"], fine["code"], fine["logs"]["out"]["stored"]) == (code, "ok", 5)
    assert bad["detail"]
    assert not OutputLog.objects.exclude(stream="out").exists()


def test_a_message_nested_without_end_is_refused_as_a_whole(host: PaperHost) -> None:
    body = '{"entries": [' + "[" * 100_000 + "]" * 100_000 + "]}"
    response = host.client.post(
        "/agent/v1/report", body, content_type="application/json", headers={"Authorization": host.credential}
    )
    assert (response.status_code, response.json()["code"]) == (400, "bad_message")


@pytest.mark.parametrize(
    ("result", "word"),
    [(nested(400), "nested"), ("a\0b", "NUL"), ({"a\0": 1}, "NUL"), ("x" * 70_000, "64 KiB")],
    ids=["deep", "nul", "nul in a key", "large"],
)
def test_a_result_that_cannot_be_kept_does_not_keep_the_task_from_ending(
    host: PaperHost, result: Any, word: str
) -> None:
    grant = granted(host)
    assert host.report(grant, finish=finish(0, result=result, detail="It went well."))["code"] == "ok"
    task = Task.objects.get()
    assert (task.status, task.exit_code, task.result) == ("completed", 0, None)
    assert task.end_detail.startswith("It went well. The result was not kept: ")
    assert word in task.end_detail


@pytest.mark.parametrize("result", [None, 0, "\\u0000", {"loss": 0.5, "epochs": [1, 2]}, nested(50), 2**80])
def test_results_are_kept_as_they_are(host: PaperHost, result: Any) -> None:
    host.report(granted(host), finish=finish(0, result=result))
    assert Task.objects.get().result == result


def test_a_detail_with_nul_characters_is_kept_without_them(host: PaperHost) -> None:
    host.report(granted(host), finish=finish(1, detail="be\0fore"))
    assert Task.objects.get().end_detail == "before"


def test_a_log_folder_that_cannot_be_written_does_not_hold_up_the_result(
    host: PaperHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = granted(host)

    def full(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log_files, "write_at", full)
    reply = host.report(grant, output=[piece(b"hello")], finish=finish(0, size=5))
    out = reply["logs"]["out"]
    assert (reply["code"], out["stored"], out["state"]) == ("ok", 0, "draining")
    assert Task.objects.get().status == "completed"


def test_larger_output_on_a_full_disk_is_asked_for_again(host: PaperHost, monkeypatch: pytest.MonkeyPatch) -> None:
    grant = granted(host)

    def full(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log_files, "write_at", full)
    response = host.client.post(
        f"/agent/v1/sub-agents/{grant['sub_agent_id']}/log?stream=out&offset=0",
        b"hello",
        content_type="application/octet-stream",
        headers={
            "Authorization": f"SubAgent {grant['sub_agent_id']}:{grant['sub_agent_token']}",
            "X-CRC32": str(piece(b"hello")["crc32"]),
        },
    )
    assert (response.status_code, response.json()["code"]) == (503, "busy")


def test_a_report_says_when_somebody_watches(host: PaperHost) -> None:
    grant = granted(host)
    assert host.report(grant)["watched"] is False
    reports.watchers.add(grant["task_id"])
    try:
        assert host.report(grant)["watched"] is True
    finally:
        reports.watchers.remove(grant["task_id"])
    assert host.report(grant)["watched"] is False


def test_a_result_that_comes_after_the_host_was_given_up_is_kept_beside(host: PaperHost) -> None:
    grant = granted(host)
    host.open_session([])
    for _ in range(2):
        assert host.report(grant, finish=finish(0, size=3))["code"] == "already_final"
    task = Task.objects.get()
    assert (task.status, task.end_reason) == ("failed", "no_record")
    late = task.events.get(verb="late_result")
    assert late.detail["exit_code"] == 0
    assert host.report(grant, output=[piece(b"abc")])["logs"]["out"]["stored"] == 3


@pytest.mark.matrix(21)
@pytest.mark.parametrize("ended_at", ["1970-01-01T00:00:00Z", "2199-12-31T23:59:59Z", "no date at all"])
def test_a_hosts_wrong_date_changes_nothing_but_what_it_shows(host: PaperHost, ended_at: str) -> None:
    """How long it ran is counted on the host by a clock that nobody sets; when it ended is our clock's to say."""
    grant = granted(host)
    host.report(grant, finish=finish(ended_at=ended_at, duration_seconds=3.5))
    task = Task.objects.get()
    assert (task.status, task.execution_time) == ("completed", 3.5)
    assert task.end_time is not None
    assert abs((timezone.now() - task.end_time).total_seconds()) < 60
    host.open_session(host={"hostname": "h", "started_at": "1970-01-01"})
    host.beat()
    assert Agent.objects.get().connectivity == "online"


def test_beats_of_many_cost_as_many_statements_as_one(host: PaperHost, django_assert_max_num_queries: Any) -> None:
    grants = [granted(host, cpu_cores=0.1) for _ in range(6)]
    host.report(grants[2], output=[piece(b"hello")])
    beats = [entry(grant, usage={"cpu_percent": 1.0}) for grant in grants]
    with django_assert_max_num_queries(6):  # one of them says who asks
        replies = host.post("report", {"entries": beats})["replies"]
    assert [reply["sub_agent_id"] for reply in replies] == [grant["sub_agent_id"] for grant in grants]
    assert [reply["code"] for reply in replies] == ["ok"] * 6
    assert [reply["logs"].get("out", {}).get("stored") for reply in replies] == [None, None, 5, None, None, None]


def test_a_second_entry_finds_what_the_first_one_changed(host: PaperHost) -> None:
    grant = granted(host)
    done = entry(grant, output=[piece(b"hello")], finish=finish(sizes={"out": 5}))
    first, again, beat = host.post("report", {"entries": [done, done, entry(grant)]})["replies"]
    assert [first["state"], again["state"], beat["state"]] == ["succeeded"] * 3
    assert [first["code"], again["code"], beat["code"]] == ["ok"] * 3
    assert Task.objects.get().status == "completed"
