"""`--declare FILE`: both formats, the scripted usage, and errors that name the field."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent_client.offer import Offer
from agent_client.probes.declaration_file import DeclarationError, load_declaration
from agent_client.probes.declared import DeclaredMachine
from agent_client.probes.host import declared_host

CARD = {"name": "Pretend A100", "memory_mib": 40960}
MACHINE: dict[str, Any] = {"cpu_cores": 64, "memory_mib": 256000, "gpus": [CARD, {**CARD, "uuid": "GPU-x"}]}

TOML = """
cpu_cores = 1.5
memory_mib = 4096
repeat_seconds = 60

[[gpus]]
name = "Pretend T4"
memory_mib = 15360

[[usage]]
at_seconds = 30
cpu_usage = 80
gpus = [{ utilization = 95 }]
"""


def load(tmp_path: Path, value: Any, identity: str = "a"):
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(value))
    return load_declaration(path, identity)


def test_json_is_read_and_cards_get_stable_names_of_their_own(tmp_path: Path) -> None:
    first, again, other = load(tmp_path, MACHINE), load(tmp_path, MACHINE), load(tmp_path, MACHINE, "b")
    assert (first.cpu_cores, first.memory_mib, len(first.gpus)) == (64.0, 256000, 2)
    assert first.gpus[1].uuid == "GPU-x"
    assert first.gpus[0].uuid == again.gpus[0].uuid != other.gpus[0].uuid


def test_toml_is_read_and_its_usage_played_in_a_loop(tmp_path: Path) -> None:
    path = tmp_path / "machine.toml"
    path.write_text(TOML)
    now = 1000.0
    machine = DeclaredMachine(load_declaration(path, "a"), clock=lambda: now, started=1000.0)
    assert machine.cpu_usage() is None
    assert machine.read().gpus[0].utilization is None
    now = 1031.0
    assert machine.cpu_usage() == 80.0
    assert machine.read().gpus[0].utilization == 95.0
    now = 1061.0
    assert machine.cpu_usage() is None


def test_a_declared_host_says_so(tmp_path: Path) -> None:
    usage = [{"memory_used_mib": 128000, "gpus": [{"memory_used_mib": 100}]}]
    machine = DeclaredMachine(load(tmp_path, {**MACHINE, "usage": usage}))
    resources = declared_host(tmp_path, machine).read()
    assert resources["is_declared"] is True
    assert (resources["cpu_cores"], resources["memory_mib"], resources["memory_usage"]) == (64.0, 256000, 50.0)
    assert resources["gpu_state"] == "ready"
    assert [card["memory_used_mib"] for card in resources["gpus"]] == [100, None]
    assert resources["disk_free_mib"] is not None


def test_a_declared_disk_is_as_full_as_scripted(tmp_path: Path) -> None:
    usage = [{"disk_used_mib": 300}]
    machine = DeclaredMachine(load(tmp_path, {**MACHINE, "disk_mib": 1000, "usage": usage}))
    resources = declared_host(tmp_path, machine).read()
    assert (resources["disk_total_mib"], resources["disk_free_mib"]) == (1000, 700)


def test_a_declared_host_says_what_it_offers(tmp_path: Path) -> None:
    said = {
        "address": "10.0.0.9",
        "zone": "rack-3",
        "capabilities": ["nvlink", "cuda=12.4"],
        "resources": {"matlab": 2},
    }
    probe = declared_host(tmp_path, DeclaredMachine(load(tmp_path, {**MACHINE, **said})))
    assert probe.offer == Offer("10.0.0.9", "rack-3", {"nvlink": "", "cuda": "12.4"}, {"matlab": 2})


def test_outsiders_and_tasks_use_a_declared_card(tmp_path: Path) -> None:
    usage = {
        "gpus": [{"outsiders_mib": 30720}],
        "tasks": [
            {"task_id": 41, "gpus": [{"index": 0, "memory_mib": 6000}, {"index": 1, "memory_mib": 50}]},
            {"task_id": 42, "gpus": [{"index": 1, "memory_mib": 9}]},
        ],
    }
    machine = DeclaredMachine(load(tmp_path, {**MACHINE, "usage": [usage]}), running=lambda: {41: "s1"})
    resources, users = declared_host(tmp_path, machine).read_with_users()
    assert [(card["memory_used_mib"], card["own_mib"]) for card in resources["gpus"]] == [(36720, 6000), (50, 50)]
    uuids = [card["uuid"] for card in resources["gpus"]]
    gpus = [{"uuid": uuids[0], "memory_mib": 6000}, {"uuid": uuids[1], "memory_mib": 50}]
    assert users == [{"sub_agent_id": "s1", "gpus": gpus}]


def test_a_declared_card_of_which_only_the_total_is_scripted_cannot_tell(tmp_path: Path) -> None:
    usage = [{"gpus": [{"memory_used_mib": 100}, {"memory_used_mib": 7}]}]
    machine = DeclaredMachine(load(tmp_path, {**MACHINE, "usage": usage}))
    resources, users = declared_host(tmp_path, machine).read_with_users()
    assert [card["own_mib"] for card in resources["gpus"]] == [None, None]
    assert users is None


def test_a_scripted_card_can_fall_off(tmp_path: Path) -> None:
    usage = [{"gpus": [{"is_lost": True}, {}]}]
    report = DeclaredMachine(load(tmp_path, {**MACHINE, "usage": usage})).read()
    assert (report.state, [card.index for card in report.gpus]) == ("ready", [1])
    assert "GPU 0" in report.detail


def test_a_machine_without_cards(tmp_path: Path) -> None:
    assert DeclaredMachine(load(tmp_path, {"cpu_cores": 2, "memory_mib": 1})).read().state == "absent"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cpu_cores": 0}, "cpu_cores must be a number of at least 0.01, not 0"),
        ({"cpu_cores": None}, "cpu_cores must be a number"),
        ({"cpu_cores": True}, "cpu_cores must be a number"),
        ({"memory_mib": 1.5}, "memory_mib must be a whole number of at least 1, not 1.5"),
        ({"gpu": []}, "gpu is unknown; known are cpu_cores"),
        ({"gpus": {}}, "gpus must be a list"),
        ({"gpus": [{"name": "x"}]}, "gpus[0].memory_mib must be a whole number"),
        ({"gpus": [CARD, {"name": " ", "memory_mib": 1}]}, "gpus[1].name must be a text"),
        ({"gpus": [7]}, "gpus[0] must be an object"),
        ({"gpus": [{**CARD, "uuid": "u"}, {**CARD, "uuid": "u"}]}, "two cards have the same uuid"),
        ({"usage": [{"cpu_usage": 101}]}, "usage[0].cpu_usage must be a number between 0 and 100, not 101"),
        ({"usage": [{"at_seconds": 9}, {"at_seconds": 3}]}, "in the order of at_seconds"),
        ({"usage": [{"gpus": [{}, {}, {}]}]}, "usage[0].gpus names more cards than are declared"),
        ({"usage": [{"gpus": [{"is_lost": 1}]}]}, "usage[0].gpus[0].is_lost must be true or false"),
        (
            {"usage": [{"gpus": [{"memory_used_mib": 1, "outsiders_mib": 1}]}]},
            "memory_used_mib and outsiders_mib exclude",
        ),
        (
            {"usage": [{"tasks": [{"task_id": 1, "gpus": [{"index": 2, "memory_mib": 1}]}]}]},
            "gpus[0].index names a card",
        ),
        ({"usage": [{}], "usage_file": "u.json"}, "usage and usage_file exclude each other"),
        ({"disk_mib": -1}, "disk_mib must be a whole number of at least 0"),
        ({"address": "a b"}, "address must be a host name or an IP address"),
        ({"capabilities": "nvlink"}, "capabilities must be a list of texts"),
        ({"capabilities": ["NVLINK"]}, "capabilities must hold names of lower-case letters"),
        ({"resources": {"matlab": -1}}, "resources must give a whole number from 0"),
        ({"resources": {"matlab": float("nan")}}, "for matlab, not nan"),
        ({"resources": ["matlab"]}, "resources must be an object with named values"),
        ({"repeat_seconds": 0}, "repeat_seconds must be a number of at least 1"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        load(tmp_path, {**MACHINE, **change})
    assert words in str(caught.value)
    assert "machine.json" in str(caught.value)


def test_files_that_are_no_declaration(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="cannot read"):
        load_declaration(tmp_path / "none.json", "a")
    for name, data, words in (
        ("a.json", b"{", "cannot be understood"),
        ("a.toml", b"= 1", "cannot be understood"),
        ("b.json", b"[]", "the file must be an object"),
        ("c.json", b"\xff\xfe", "not UTF-8"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DeclarationError, match=words):
            load_declaration(tmp_path / name, "a")
