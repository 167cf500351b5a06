"""nightshift reserve, reservations, release."""

import json
from datetime import datetime
from typing import Any

import pytest

from agent_client.cli import until
from tests.agent_client.cli.conftest import Nightshift
from tests.agent_client.cli.fake_api import FakeApi

URL = "/api/reservations/"
ROW: dict[str, Any] = {
    "id": 5,
    "name": "demo",
    "state": "active",
    "submitted_by": "ada",
    "agent_name": "gpu-1",
    "gpus": [{"index": 3}],
    "until": "2026-08-21T18:00:00+00:00",
    "open_tasks": 2,
    "sentence": "Holds GPU 3 on gpu-1 until 18:00 UTC.",
}
NOON = datetime.fromisoformat("2026-08-21T12:30")


def asked(api: FakeApi) -> Any:
    return api.called("POST", URL)[0].body


def test_keep_a_card_until_a_time_of_the_clock(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.answers.append((201, ROW))
    result = nightshift("reserve", "--host", "gpu-1", "--gpu", "3", "--until", "18:00")
    assert (result.status, result.out) == (0, "5\n")
    assert "active: Holds GPU 3" in result.err
    body = asked(connected)
    end = datetime.fromisoformat(body.pop("until"))
    assert end > datetime.now().astimezone()
    assert (end.astimezone().hour, end.astimezone().minute) == (18, 0)
    assert body == {"hosts": ["gpu-1"], "gpu_indices": [3]}


def test_every_flag_is_a_field(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.answers.append((201, ROW))
    words = "-J demo --priority 2 -c 2.5 --mem 8G --disk 100G -G 2 --gpu-mem 40G --gpu-share --gpu-type a100,h100"
    where = "--host a,b --host c --exclude d -p night -C a100&!old --resource matlab=1 --resource tape=2 --whole-host"
    assert nightshift("reserve", *words.split(), *where.split(), "--for", "2h", "--wait", "30m").status == 0
    assert asked(connected) == {
        "name": "demo",
        "priority": 2,
        "cpu_cores": 2.5,
        "memory_mib": 8192,
        "disk_mib": 102400,
        "gpu_count": 2,
        "gpu_memory": 40960,
        "gpu_share": True,
        "gpu_types": ["a100", "h100"],
        "hosts": ["a", "b", "c"],
        "exclude_hosts": ["d"],
        "pool": "night",
        "requires": "a100&!old",
        "resources": {"matlab": 1, "tape": 2},
        "whole_host": True,
        "duration_seconds": 7200,
        "wait_seconds": 1800,
    }


def test_something_about_cards_means_one_card(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.answers.append((201, ROW))
    assert nightshift("reserve", "--gpu-type", "a100", "--for", "2h").status == 0
    assert asked(connected)["gpu_count"] == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "--until"),
        (("--until", "25:00"), "--until: '25:00' is not a time"),
        (("--until", "soon"), "--until: 'soon' is not a time; write 18:00"),
        (("--until", "18:00", "--for", "2h"), "not allowed with"),
        (("--for", "0"), "--for: '0' is not a duration"),
        (("--for", "2h", "--gpu", "one"), "--gpu: 'one' is not a whole number"),
        (("--for", "2h", "--resource", "matlab"), "--resource: 'matlab' is not a resource"),
    ],
)
def test_a_wrong_flag_is_named(words: tuple[str, ...], message: str, nightshift: Nightshift) -> None:
    result = nightshift("reserve", *words)
    assert result.status == 2
    assert message in result.err


def test_the_servers_errors_name_the_flags(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.answers.append((400, {"gpu_indices": ["No known host has GPU 9."], "until": ["must be still to come"]}))
    result = nightshift("reserve", "--host", "gpu-1", "--gpu", "9", "--until", "18:00")
    assert result.status == 1
    assert "--gpu: No known host has GPU 9; --until: must be still to come" in result.err


def test_a_lost_reply_does_not_book_twice(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.drop_next = 1
    assert nightshift("reserve", "-c", "1", "--for", "1h").status == 3
    assert len(connected.called("POST", URL)) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("18:00", "2026-08-21T18:00"),
        ("12:30", "2026-08-22T12:30"),
        ("8:05", "2026-08-22T08:05"),
        ("tomorrow 18:00", "2026-08-22T18:00"),
        ("2026-09-01T08:00", "2026-09-01T08:00"),
    ],
)
def test_the_next_time_of_the_clock(text: str, expected: str) -> None:
    assert datetime.fromisoformat(until.parsed(text, NOON)) == datetime.fromisoformat(expected).astimezone()


def test_the_list_shows_who_holds_what_until_when(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.answers.append((200, {"count": 1, "next": None, "results": [ROW]}))
    result = nightshift("reservations", "--host", "gpu-1", "--mine")
    assert connected.called("GET", URL)[0].query == {"state": "pending,active", "host": "gpu-1", "mine": "true"}
    header, row = result.out.splitlines()
    assert header.split() == ["ID", "NAME", "STATE", "OWNER", "HOST", "GPUS", "UNTIL", "TASKS"]
    for text in ("demo", "active", "ada", "gpu-1", "Holds GPU 3"):
        assert text in row


def test_all_of_them_as_json(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.answers.append((200, {"count": 1, "next": None, "results": [ROW]}))
    assert json.loads(nightshift("reservations", "-a", "--json").out) == [ROW]
    assert connected.called("GET", URL)[0].query == {}


def test_none(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.answers.append((200, {"count": 0, "next": None, "results": []}))
    assert nightshift("reservations") == (0, "", "nightshift: no reservation\n")


def test_one_refusal_does_not_keep_the_others(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.answers += [(409, {"detail": "Reservation 4 is expired."}), (200, {**ROW, "state": "released"})]
    result = nightshift("release", "4,5", "--reason", "done early")
    assert (result.status, result.out) == (1, "5 released\n")
    assert "reservation 4: Reservation 4 is expired." in result.err
    assert connected.called("POST", f"{URL}5/release/")[0].body == {"reason": "done early"}


def test_a_wrong_id_is_named(connected: FakeApi, nightshift: Nightshift) -> None:
    result = nightshift("release", "five")
    assert result.status == 2
    assert "'five' is not an id" in result.err
    assert not connected.calls
