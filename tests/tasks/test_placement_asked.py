"""What can be asked about where a task runs: each field, fields together, names that nobody knows, and what no
known host could ever run. A refused request leaves nothing behind."""

from typing import Any

import pytest

from agents.models import Agent, Capability, CountedResource, Pool
from scheduler_site.shared.actors import SYSTEM
from tasks.models import Reservation, Task
from tasks.submission import InvalidTask, check, edit, submit
from tests.factories import make_agent, make_gpu, make_task, make_template, make_user
from tests.tasks.placement_rows import make_reservation

pytestmark = pytest.mark.django_db

LEAST = {"name": "t", "script_content": "true\n"}


def refused(fields: dict[str, Any], **options: Any) -> dict[str, list[str]]:
    before = Task.objects.count()
    with pytest.raises(InvalidTask) as error:
        submit({**LEAST, **fields}, actor=SYSTEM, **options)
    assert Task.objects.count() == before
    return error.value.fields


@pytest.fixture
def site() -> Agent:
    """One host of 16 cores and 64 GiB with two cards, a pool, a label and licences."""
    agent = make_agent("gpu-1")
    for index in range(2):
        make_gpu(agent, index=index, name="NVIDIA A100-SXM4-80GB", memory_mib=81920)
    Pool.objects.create(name="big").agents.add(agent)
    Capability.objects.create(agent=agent, name="nvlink")
    CountedResource.objects.create(agent=agent, name="matlab", total=2)
    CountedResource.objects.create(name="bandwidth", total=4)
    return agent


ALL = {
    "gpu_count": 1,
    "gpu_types": ["a100", "A100-SXM4-80GB"],
    "disk_mib": 1024,
    "resources": {"matlab": 1, "bandwidth": 2},
    "node_count": 1,
    "whole_host": True,
    "hosts": ["gpu-1"],
    "exclude_hosts": [],
    "pool": "big",
    "requires": "a100 & nvlink",
    "prefers": ["80gb", "!old"],
    "zone": "eu/berlin",
    "wait_for_host": False,
}


def test_everything_that_can_be_asked_is_stored(site: Agent) -> None:
    task = submit({**LEAST, **ALL}, actor=SYSTEM)
    task.refresh_from_db()
    assert {name: getattr(task, name) for name in ALL} == ALL


def test_a_check_stores_nothing(site: Agent) -> None:
    assert check({**LEAST, **ALL}).pk is None
    with pytest.raises(InvalidTask, match="gpu_count"):
        check({**LEAST, "gpu_count": 3})
    with pytest.raises(InvalidTask, match="does not exist"):
        check({**LEAST, "depends_on": [99]})
    assert Task.objects.count() == 0


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("gpu_types", "a100", "list"),
        ("gpu_types", [5], "text"),
        ("gpu_types", ["--"], "word of a card's name"),
        ("gpu_types", ["x"] * 21, "at most 20"),
        ("disk_mib", 0, "between 1"),
        ("disk_mib", True, "whole number"),
        ("disk_mib", float("inf"), "whole number"),
        ("resources", [], "object"),
        ("resources", {"A B": 1}, "no name"),
        ("resources", {"matlab": 0}, "matlab must be between 1"),
        ("resources", {"matlab": -1}, "between 1"),
        ("resources", {"matlab": True}, "whole number"),
        ("resources", {"matlab": float("nan")}, "whole number"),
        ("resources", {f"r{number}": 1 for number in range(21)}, "at most 20"),
        ("node_count", 0, "between 1 and 64"),
        ("node_count", 65, "between 1 and 64"),
        ("node_count", 2.0, "whole number"),
        ("whole_host", "yes", "true or false"),
        ("hosts", "gpu-1", "list"),
        ("hosts", [""], "empty"),
        ("exclude_hosts", [None], "text"),
        ("exclude_hosts", ["a\nb"], "one line"),
        ("pool", 5, "text"),
        ("requires", "a100 &", "a100 & !(old | slow)"),
        ("requires", "(a100", "cannot be read"),
        ("requires", "(&a100)", "is not complete"),
        ("requires", "a100; rm", "no meaning"),
        ("requires", "a & " * 200 + "a", "at most 500"),
        ("requires", None, "text"),
        ("prefers", ["a100", "|"], "a100 & !(old | slow)"),
        ("prefers", [" "], "empty"),
        ("zone", "x" * 121, "120"),
        ("reservation", True, "whole number"),
        ("reservation", "5", "whole number"),
        ("reservation", 2**70, "between 1"),
        ("wait_for_host", 1, "true or false"),
        ("pool", "bg", "There is no pool bg; the closest is big."),
        ("hosts", ["gpu-2"], "There is no host gpu-2; the closest is gpu-1."),
        ("exclude_hosts", ["gpu1"], "There is no host gpu1"),
        ("resources", {"mathlab": 1}, "Nothing here is called mathlab; the closest is matlab."),
        ("reservation", 99, "There is no reservation 99."),
        ("requires", "a100 & infiniband", "No known host has a100 & infiniband; gpu-1 has "),
        ("gpu_count", 3, "No known host has 3 GPUs; the nearest is gpu-1 with 2 GPUs of 80 GiB"),
        ("cpu_cores", 17, "the nearest is gpu-1 with 16 CPU cores"),
        ("node_count", 2, "Only 1 of the known hosts"),
        ("resources", {"bandwidth": 5}, "The site has 4 bandwidth in all."),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(site: Agent, field: str, value: Any, words: str) -> None:
    fields = refused({field: value})
    assert list(fields) == [field]
    assert words in " ".join(fields[field])


@pytest.mark.parametrize(
    ("fields", "named", "words"),
    [
        ({"gpu_types": ["a100"]}, "gpu_types", "needs at least one GPU"),
        (
            {"hosts": ["gpu-1"], "exclude_hosts": ["gpu-1"]},
            "exclude_hosts",
            "names gpu-1, to which the task is also bound",
        ),
        ({"hosts": ["gpu-1"], "node_count": 2}, "hosts", "as many hosts"),
        ({"gpu_count": 1, "gpu_types": ["a100", "h100"]}, "gpu_types", "No known GPU is of type h100"),
        ({"gpu_count": 1, "gpu_types": ["a10"]}, "gpu_types", "known: NVIDIA A100-SXM4-80GB"),
        ({"gpu_count": 1, "gpu_memory": 102400}, "gpu_memory", "1 GPU of 100 GiB; the nearest is gpu-1"),
        ({"gpu_count": 1, "gpu_memory": 102400, "gpu_share": True}, "gpu_memory", "the nearest is gpu-1"),
    ],
)
def test_fields_together(site: Agent, fields: dict[str, Any], named: str, words: str) -> None:
    found = refused(fields)
    assert list(found) == [named]
    assert words in " ".join(found[named])


FUTURE = [
    {"cpu_cores": 17},
    {"hosts": ["gpu-2"]},
    {"gpu_count": 1, "gpu_types": ["h100"]},
    {"resources": {"ansys": 1}},
    {"requires": "h100"},
    {"node_count": 3},
]


@pytest.mark.parametrize("fields", FUTURE)
def test_it_may_wait_for_a_future_host(site: Agent, fields: dict[str, Any]) -> None:
    assert any("wait_for_host" in sentence for sentences in refused(fields).values() for sentence in sentences)
    assert submit({**LEAST, **fields, "wait_for_host": True}, actor=SYSTEM).status == "waiting"


def test_a_pool_must_be_there_even_for_a_future_host(site: Agent) -> None:
    assert list(refused({"pool": "nowhere", "wait_for_host": True})) == ["pool"]


@pytest.mark.parametrize("fields", FUTURE)
def test_before_any_host_is_known_everything_may_wait(fields: dict[str, Any]) -> None:
    make_agent("gone", standing="deactivated")
    assert submit({**LEAST, **fields}, actor=SYSTEM).status == "waiting"


def test_hosts_that_are_full_offline_or_paused_count_and_deactivated_ones_do_not(site: Agent) -> None:
    Agent.objects.filter(pk=site.pk).update(connectivity="unreachable", standing="paused")
    assert submit({**LEAST, "cpu_cores": 16}, actor=SYSTEM).status == "waiting"
    make_agent("big-1", cpu_cores=64, standing="deactivated")
    assert list(refused({"cpu_cores": 64})) == ["cpu_cores"]
    assert "big-1 is deactivated" in refused({"hosts": ["big-1"]})["hosts"][0]


def test_a_template_goes_through_the_same_check(site: Agent) -> None:
    make_template("llm", gpu_count=4)
    assert list(refused({"template": "llm"})) == ["gpu_count"]


def test_an_edit_goes_through_the_same_check(site: Agent) -> None:
    task = submit(LEAST, actor=SYSTEM)
    for change in ({"gpu_count": 3}, {"hosts": ["nowhere"]}, {"gpu_types": ["a100"]}, {"requires": "h100"}):
        with pytest.raises(InvalidTask) as refusal:
            edit(task.pk, change, actor=SYSTEM)
        assert list(refusal.value.fields) == list(change)
    task.refresh_from_db()
    assert (task.gpu_count, task.hosts, task.gpu_types, task.requires) == (0, [], [], "")
    changed = edit(task.pk, {"gpu_count": 3, "wait_for_host": True}, actor=SYSTEM)
    assert (changed.gpu_count, changed.wait_for_host, changed.lane != task.lane) == (3, True, True)


def test_an_edit_of_something_else_does_not_ask_the_hosts(site: Agent) -> None:
    task = make_task(cpu_cores=100)
    assert edit(task.pk, {"priority": 1}, actor=SYSTEM).priority == 1


def test_a_reservation_must_be_open_and_ones_own(site: Agent) -> None:
    ada, bob, root = make_user(), make_user("bob"), make_user("root", is_staff=True)
    mine = make_reservation(ada, cpu_cores=4)
    task = submit({**LEAST, "reservation": mine.pk}, actor=SYSTEM, user=ada)
    assert task.reservation == mine
    assert "somebody else's" in refused({"reservation": mine.pk}, user=bob)["reservation"][0]
    assert submit({**LEAST, "reservation": mine.pk}, actor=SYSTEM, user=root).reservation == mine
    ended = make_reservation(ada, state="expired")
    assert f"Reservation {ended.pk} is expired." in refused({"reservation": ended.pk}, user=ada)["reservation"]
    assert list(refused({"reservation": mine.pk, "node_count": 2}, user=ada)) == ["node_count"]
    for name in ("hosts", "exclude_hosts"):
        assert list(refused({"reservation": mine.pk, name: ["gpu-1"]}, user=ada)) == [name]


def test_a_reservation_that_staff_gave_does_not_hinder_its_users_edits(site: Agent) -> None:
    ada, root = make_user(), make_user("root", is_staff=True)
    task = submit(LEAST, actor=SYSTEM, user=ada)
    kept = make_reservation(root, cpu_cores=4)
    with pytest.raises(InvalidTask, match="somebody else's"):
        edit(task.pk, {"reservation": kept.pk}, actor=SYSTEM, user=ada)
    edit(task.pk, {"reservation": kept.pk}, actor=SYSTEM, user=root)
    assert edit(task.pk, {"cpu_cores": 2}, actor=SYSTEM, user=ada).reservation == kept
    assert edit(task.pk, {"reservation": None}, actor=SYSTEM, user=ada).reservation is None


@pytest.mark.parametrize("is_held", [True, False])
def test_what_is_asked_inside_a_reservation_must_fit_into_it(site: Agent, is_held: bool) -> None:
    ada = make_user()
    booked: dict[str, Any] = {"cpu_cores": 4, "memory_mib": 8192, "gpu_count": 1}
    reservation: Reservation = make_reservation(ada, agent=site if is_held else None, **booked)
    inside = {"reservation": reservation.pk, "cpu_cores": 4, "gpu_count": 1}
    assert submit({**LEAST, **inside}, actor=SYSTEM, user=ada).reservation == reservation
    assert list(refused({**inside, "gpu_count": 2}, user=ada)) == ["gpu_count"]
    assert list(refused({**inside, "memory_mib": 9000}, user=ada)) == ["memory_mib"]
    assert submit({**LEAST, "cpu_cores": 16}, actor=SYSTEM, user=ada).status == "waiting"


@pytest.mark.parametrize("is_held", [True, False])
def test_who_asks_for_more_than_the_reservation_holds_is_told_what_it_holds(site: Agent, is_held: bool) -> None:
    ada = make_user()
    kept = make_reservation(ada, agent=site if is_held else None, cpu_cores=4)
    sentence, way_out = refused({"reservation": kept.pk, "cpu_cores": 5}, user=ada)["cpu_cores"]
    assert sentence.endswith(" holds 4 CPU cores; this asks for 5 CPU cores.")
    assert f"reservation {kept.pk}" in sentence.lower()
    assert way_out == "Leave the reservation out to run it elsewhere."


@pytest.mark.parametrize("is_held", [True, False])
def test_a_whole_card_is_refused_where_only_a_part_is_reserved(site: Agent, is_held: bool) -> None:
    ada = make_user()
    part: dict[str, Any] = {"cpu_cores": 4, "gpu_count": 1, "gpu_share": True, "gpu_memory": 10_000}
    kept = make_reservation(ada, agent=site if is_held else None, **part)
    found = refused({"reservation": kept.pk, "gpu_count": 1}, user=ada)
    assert list(found) == ["gpu_share"]
    assert "only part of a GPU" in found["gpu_share"][0]
    shared = {"reservation": kept.pk, "gpu_count": 1, "gpu_share": True, "gpu_memory": 9_000}
    assert submit({**LEAST, **shared}, actor=SYSTEM, user=ada).reservation == kept
