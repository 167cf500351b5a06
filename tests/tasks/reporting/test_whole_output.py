"""All that a script wrote comes with its start and its end: complete, and stored with the result in one transaction."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.errors import Conflict
from tasks import lifecycle
from tasks.lifecycle import rows as lifecycle_rows
from tasks.models import OutputLog, SubAgent, Task
from tasks.outcome import lost
from tasks.output import log_files, logs
from tasks.scheduling.run import run_pass
from tasks.states import EndReason, Kept
from tests.factories import make_task
from tests.tasks.protocol import PaperHost, finish, piece

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def logs_here(settings: Any, tmp_path: Path) -> None:
    settings.TASK_LOG_DIR = tmp_path


@pytest.fixture
def host() -> PaperHost:
    return PaperHost()


def claimed(host: PaperHost) -> dict[str, Any]:
    make_task()
    run_pass()
    return host.claim(host.beat()["assignments"][0])


def closing(data: bytes, stream: str = "out", sha256: str = "") -> dict[str, Any]:
    return {"stream": stream, "size": len(data), "sha256": sha256 or hashlib.sha256(data).hexdigest()}


def whole_life(data: bytes = b"hello\n", **changes: Any) -> dict[str, Any]:
    output = [piece(data)] if data else []
    parts = {"started": {"pid": 7}, "output": output, "finish": finish(size=len(data)), "log_close": [closing(data)]}
    return {**parts, **changes}


def disk_fails(*_arguments: Any) -> None:
    raise OSError(5, "Input/output error")


@pytest.mark.parametrize("data", [b"hello\n", b""])
def test_it_is_complete_with_the_result(host: PaperHost, data: bytes) -> None:
    grant = claimed(host)
    with CaptureQueriesContext(connection) as seen:
        reply = host.report(grant, **whole_life(data))
    said = [query["sql"] for query in seen.captured_queries]
    assert (reply["code"], reply["state"]) == ("ok", "succeeded")
    out = reply["logs"]["out"]
    assert (out["stored"], out["durable"], out["state"]) == (len(data), len(data), "complete")
    assert sum(sql.startswith("BEGIN") for sql in said) == 1
    assert sum('INTO "tasks_outputlog"' in sql or 'UPDATE "tasks_outputlog"' in sql for sql in said) == 1
    row = OutputLog.objects.get()
    assert (row.final_bytes, row.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert log_files.size_on_disk(logs.path_of(SubAgent.objects.get(), "out")) == len(data)


def test_it_is_on_stable_storage_before_the_transaction(host: PaperHost, monkeypatch: pytest.MonkeyPatch) -> None:
    real, seen = log_files.to_stable_storage, []

    def watched(path: Path) -> None:
        seen.append((path.read_bytes(), connection.in_atomic_block))
        real(path)

    grant = claimed(host)
    monkeypatch.setattr(log_files, "to_stable_storage", watched)
    host.report(grant, **whole_life())
    assert seen == [(b"hello\n", False)]


def test_each_stream_by_itself(host: PaperHost) -> None:
    grant = claimed(host)
    parts = whole_life(
        output=[piece(b"out\n"), piece(b"er", stream="err")],
        finish=finish(sizes={"out": 4, "err": 4}),
        log_close=[closing(b"out\n")],
    )
    told = host.report(grant, **parts)["logs"]
    assert (told["out"]["state"], told["err"]["stored"], told["err"]["state"]) == ("complete", 2, "draining")


def test_said_again_it_is_the_same(host: PaperHost) -> None:
    grant, told = claimed(host), whole_life()
    first = host.report(grant, **told)
    row = OutputLog.objects.values().get()
    assert host.report(grant, **told) == first
    assert OutputLog.objects.values().get() == row
    assert Task.objects.get().events.filter(verb="ended").count() == 1


def test_what_is_stored_already_is_gone_on_from(host: PaperHost) -> None:
    grant = claimed(host)
    host.report(grant, output=[piece(b"hel")])
    out = host.report(grant, **whole_life())["logs"]["out"]
    assert (out["stored"], out["state"]) == (6, "complete")


@pytest.mark.parametrize(
    "changes",
    [
        {"log_close": [closing(b"hello\n", sha256="0" * 64)]},
        {"finish": finish(size=9)},
        {"output": [piece(b"hel"), piece(b"lo\n", 3)], "log_close": []},
    ],
    ids=["another digest", "another size", "not closed"],
)
def test_anything_else_goes_by_pieces(host: PaperHost, changes: dict[str, Any]) -> None:
    reply = host.report(claimed(host), **whole_life(**changes))
    assert (reply["code"], reply["logs"]["out"]["state"] == "complete") == ("ok", False)
    assert Task.objects.get().status == "completed"


def test_more_than_is_kept_goes_by_pieces(host: PaperHost, settings: Any) -> None:
    settings.LOG_MAX_MIB = 1
    data = b"x" * (2 << 20)
    assert host.report(claimed(host), **whole_life(data))["logs"]["out"]["state"] == "complete"
    assert OutputLog.objects.get().gaps


def test_what_the_host_let_go_is_a_gap(host: PaperHost) -> None:
    host.report(claimed(host), **whole_life(skips=[{"stream": "out", "start": 0, "stop": 2, "reason": "dropped"}]))
    assert OutputLog.objects.get().gaps == [[0, 2, "dropped"]]


def test_a_result_that_is_none_closes_nothing(host: PaperHost) -> None:
    reply = host.report(claimed(host), **whole_life(finish=finish(reason="boredom", size=6)))
    assert (reply["code"], reply["state"], reply["logs"]["out"]["state"]) == ("bad_message", "running", "open")


@pytest.mark.parametrize("broken", ["write_at", "to_stable_storage"])
def test_a_disk_that_fails_does_not_hold_up_the_result(
    host: PaperHost, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """The host is told, and asks for the rest again."""
    grant, told = claimed(host), whole_life()
    with monkeypatch.context() as patched:
        patched.setattr(log_files, broken, disk_fails)
        reply = host.report(grant, **told)
        assert (reply["code"], reply["logs"]["out"]["state"]) == ("ok", "draining")
        assert Task.objects.get().status == "completed"
    assert host.report(grant, **told)["logs"]["out"]["state"] == "complete"


def test_of_an_attempt_that_is_given_up_meanwhile_it_is_kept_beside(
    host: PaperHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant, real = claimed(host), logs.write_whole
    outcome = lost(EndReason.HOST_LOST, "not heard", is_proven=False, keeps=Kept.HOST_LOST)

    def write_late(*arguments: Any) -> None:
        real(*arguments)
        lifecycle.finish(SubAgent.objects.get(), outcome, actor=SYSTEM)

    monkeypatch.setattr(logs, "write_whole", write_late)
    reply = host.report(grant, **whole_life())
    assert (reply["code"], reply["logs"]["out"]["state"]) == ("already_final", "complete")
    assert Task.objects.get().status == "failed"


@pytest.mark.parametrize("verb", ["start", "end"])
def test_what_contradicts_the_rows_is_stored_not_in_part(
    host: PaperHost, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """Nothing that is done right leads there."""
    grant, real = claimed(host), lifecycle_rows.update

    def update(row: Any, task_id: int, tried: str, **columns: Any) -> None:
        if tried == verb:
            raise Conflict(f"Cannot {verb} it.")
        real(row, task_id, tried, **columns)

    with monkeypatch.context() as patched:
        patched.setattr(lifecycle_rows, "update", update)
        assert host.report(grant, **whole_life())["code"] == "conflict"
    assert (SubAgent.objects.get().state, Task.objects.get().status) == ("starting", "waiting")
    assert not OutputLog.objects.exists()
    assert host.report(grant, **whole_life())["state"] == "succeeded"
