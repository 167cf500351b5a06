"""nightshift why and submit --test-only: what people and programs are told."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.agent_client.cli.conftest import Nightshift
from tests.agent_client.cli.fake_api import FakeApi


def host(name: str, **values: Any) -> dict[str, Any]:
    facts = {
        "fits": False,
        "reason": "is full",
        "is_final": False,
        "lacks": "cpu",
        "free_in_seconds": None,
        "after": "",
    }
    return {"host": name, **facts, **values}


def answer(**values: Any) -> dict[str, Any]:
    at = (datetime.now(UTC) + timedelta(seconds=605)).isoformat()
    return {
        "sentence": "Needs 4 CPU cores; b is full.",
        "starts_at": at,
        "starts_on": ["b"],
        "basis": "from estimates",
        "ahead": 2,
        "hosts": [
            host("never", is_final=True, reason="has no GPU"),
            host("unknown", after="#7"),
            host("b", free_in_seconds=600.0, after="#41"),
            host("now", fits=True, reason="has room", free_in_seconds=0.0),
        ],
    } | values


def test_why(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.answers = [(200, {"task": 1, **answer()})]
    result = nightshift("why", "1")
    lines = result.out.splitlines()
    assert result.status == 0
    assert lines[0] == "Needs 4 CPU cores; b is full."
    assert lines[1].startswith("expected start: 20")
    assert lines[1].endswith(", in 10m04s, on b (from estimates)")
    assert lines[2] == "before it in the queue: 2 tasks"
    assert [line.split("  ")[0] for line in lines[5:]] == ["now", "b", "unknown", "never"]
    assert "in 10m00s, when #41 ends" in lines[6]
    assert "when #7 ends" in lines[7]
    assert connected.calls[-1].path == "/api/tasks/1/why/"


def test_json_is_the_answer(connected: FakeApi, nightshift: Nightshift) -> None:
    asked = {"task": 1, **answer()}
    connected.answers = [(200, asked)]
    assert json.loads(nightshift("why", "1", "--json").out) == asked


def test_what_cannot_be_foreseen_is_said(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.answers = [(200, answer(starts_at=None, starts_on=[], ahead=0, basis="not within what can be foreseen"))]
    out = nightshift("why", "1").out
    assert "expected start: cannot be foreseen\n" in out
    assert "before it" not in out


def test_a_task_that_does_not_wait(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.add_task(status="running")
    connected.answers = [(200, answer(sentence="", starts_at=None, hosts=[], ahead=0))]
    assert nightshift("why", "1").out == "#1 does not wait: it is running.\n"


def test_hosts_cannot_write_to_the_terminal(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.answers = [(200, answer(sentence="a\x1b]0;x\x07", hosts=[host("e\x1bvil\nname", reason="r\x07")]))]
    out = nightshift("why", "1").out
    assert "\x1b" not in out
    assert "\x07" not in out


def test_there_is_no_such_task(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.answers = [(404, {"detail": "There is no task 9."})]
    assert nightshift("why", "9").err == "nightshift: there is no task 9\n"


def test_a_dry_run_queues_nothing(connected: FakeApi, nightshift: Nightshift, tmp_path: Path) -> None:
    connected.answers = [(200, answer())]
    result = nightshift("submit", "--wrap", "true", "-c", "4", "--test-only")
    assert result.status == 0
    assert result.out.startswith("Needs 4 CPU cores; b is full.\n")
    assert [call.path for call in connected.calls] == ["/api/tasks/test/"]
    assert connected.calls[0].body["cpu_cores"] == 4


def test_a_dry_run_is_refused_with_the_flags_name(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.answers = [(400, {"requires": ["cannot be read."], "node_count": ["must be between 1 and 64"]})]
    result = nightshift("submit", "--wrap", "true", "--test-only", "-C", "a100 &")
    assert (result.status, result.out) == (1, "")
    assert result.err == "nightshift: --require: cannot be read; --nodes: must be between 1 and 64\n"


def test_a_dry_run_does_not_wait(connected: FakeApi, nightshift: Nightshift) -> None:
    assert nightshift("submit", "--wrap", "true", "--test-only", "--wait").status == 2


WISHES = [
    ("--gpu-type a100,h100 --gpu-type l4", {"gpu_types": ["a100", "h100", "l4"], "gpu_count": 1}),
    ("--disk 2G", {"disk_mib": 2048}),
    ("--resource matlab=1 --resource net=20", {"resources": {"matlab": 1, "net": 20}}),
    ("--host a,b", {"hosts": ["a", "b"]}),
    ("-w a --nodelist b", {"hosts": ["a", "b"]}),
    ("--exclude c", {"exclude_hosts": ["c"]}),
    ("-x c,d", {"exclude_hosts": ["c", "d"]}),
    ("--pool night", {"pool": "night"}),
    ("-p night", {"pool": "night"}),
    ("--partition night", {"pool": "night"}),
    ("--require a100&nvlink", {"requires": "a100&nvlink"}),
    ("-C nvlink", {"requires": "nvlink"}),
    ("--constraint nvlink", {"requires": "nvlink"}),
    ("--prefer fast --prefer near", {"prefers": ["fast", "near"]}),
    ("--zone eu/berlin", {"zone": "eu/berlin"}),
    ("--nodes 4", {"node_count": 4}),
    ("-N 4", {"node_count": 4}),
    ("--whole-host", {"whole_host": True}),
    ("--exclusive", {"whole_host": True}),
    ("--reservation 5", {"reservation": 5}),
    ("--wait-for-host", {"wait_for_host": True}),
]


@pytest.mark.parametrize(("flags", "fields"), WISHES, ids=[flags for flags, _ in WISHES])
def test_where_it_may_run(connected: FakeApi, nightshift: Nightshift, flags: str, fields: dict[str, Any]) -> None:
    result = nightshift("submit", "--wrap", "true", "-D", "", *flags.split())
    assert result.status == 0, result.err
    body = connected.called("POST", "/api/tasks/")[-1].body
    assert {name: body[name] for name in body if name not in ("name", "script_content")} == fields


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        ("--resource matlab", "write matlab=1"),
        ("--resource Matlab=1", "write matlab=1"),
        ("--host ,", "a name is missing"),
        ("--nodes two", "is not a whole number"),
        ("--reservation x", "is not a whole number"),
    ],
)
def test_bad_wishes_send_nothing(connected: FakeApi, nightshift: Nightshift, flags: str, word: str) -> None:
    result = nightshift("submit", "--wrap", "true", *flags.split())
    assert result.status == 2
    assert flags.split()[0] in result.err
    assert word in result.err
    assert connected.calls == []
