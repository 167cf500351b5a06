"""Which requests no known host can ever take, which wish is to blame, and what is offered instead."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.scheduling import fit
from tasks.scheduling.explaining import feasible
from tasks.scheduling.release import emptied
from tasks.scheduling.values import Card, Host, Shape


def host(name: str, cores: int = 16, gib: int = 64, cards: tuple[tuple[str, int], ...] = (), **more: Any) -> Host:
    """With nothing free: what could ever be is not what is free now."""
    found = [Card(index, index, size * 1024, 0, 1, kind) for index, (kind, size) in enumerate(cards)]
    values = {"total_disk_mib": 100 * 1024, "free_disk_mib": 0, "holders": 1, "whole_held": True, **more}
    return Host(name, name, cores * 100, 0, gib * 1024, 0, found, **values)


SMALL = host("small", pools=frozenset({"cpu"}), labels=frozenset({"cpu", "linux"}))
A40 = host("a40", 32, 128, (("NVIDIA A40", 48),) * 4, labels=frozenset({"gpu", "a40", "linux"}))
A100 = host("a100", 64, 512, (("NVIDIA A100", 80),) * 2, total_resources={"matlab": 1}, labels=frozenset({"a100"}))
HOSTS = [SMALL, A40, A100]


def blamed(**wishes: Any) -> dict[str, str]:
    found = feasible.blame(Shape(**wishes), HOSTS, {"licence": 2})
    return {name: " ".join(sentences) for name, sentences in found.items()}


@pytest.mark.parametrize(
    "wishes",
    [
        {},
        {"cpu_centicores": 6400, "memory_mib": 512 * 1024},
        {"gpu_count": 4, "gpu_memory_mib": 48 * 1024},
        {"gpu_count": 2, "gpu_memory_mib": 80 * 1024, "gpu_share": True, "gpu_types": ("a40", "a100")},
        {"resources": (("matlab", 1),), "site_resources": (("licence", 2),)},
        {"pool": "cpu", "disk_mib": 100 * 1024},
        {"requires": "linux & !gpu"},
        {"node_count": 3, "whole_host": True},
        {"hosts": ("a40",), "gpu_count": 1},
    ],
)
def test_what_a_full_host_could_take_once_it_is_empty_is_possible(wishes: dict[str, Any]) -> None:
    assert blamed(**wishes) == {}


@pytest.mark.parametrize(
    ("wishes", "field", "words"),
    [
        (
            {"gpu_count": 2, "gpu_memory_mib": 100 * 1024},
            "gpu_memory",
            "No known host has 2 GPUs of 100 GiB; the nearest is a100 with 2 GPUs of 80 GiB (NVIDIA A100).",
        ),
        (
            {"gpu_count": 2, "gpu_memory_mib": 60 * 1024, "gpu_types": ("a40",)},
            "gpu_memory",
            "type a40 with 60 GiB; the n",
        ),
        (
            {"gpu_count": 3, "gpu_memory_mib": 80 * 1024},
            "gpu_count",
            "3 GPUs of 80 GiB; the nearest is a100 with 2 GPUs",
        ),
        ({"gpu_count": 8}, "gpu_count", "No known host has 8 GPUs; the nearest is a40 with 4 GPUs of 48 GiB"),
        ({"gpu_count": 1, "gpu_types": ("h100",)}, "gpu_types", "No known host has 1 GPU of type h100"),
        ({"gpu_count": 4, "gpu_types": ("a100",)}, "gpu_count", "4 GPUs of type a100; the nearest is a100 with 2"),
        ({"cpu_centicores": 6450}, "cpu_cores", "No known host has 64.5 CPU cores; the nearest is a100 with 64 CPU"),
        ({"memory_mib": 600 * 1024}, "memory_mib", "600 GiB of memory; the nearest is a100 with 512 GiB of memory."),
        ({"disk_mib": 200 * 1024}, "disk_mib", "the nearest is a100 with 100 GiB of disk"),
        (
            {"resources": (("matlab", 3),)},
            "resources",
            "No known host has 3 matlab; the nearest is a100 with 1 matlab.",
        ),
        ({"site_resources": (("licence", 3),)}, "resources", "The site has 2 licence in all."),
        ({"pool": "empty"}, "pool", "The pool empty has no host."),
        ({"requires": "a100 & linux"}, "requires", "No known host has a100 & linux; "),
        (
            {"requires": "gpu & a40 & linx"},
            "requires",
            "No known host has gpu & a40 & linx (did you mean linux?); a40 has a40, gpu, linux.",
        ),
        ({"requires": "!a100 & (tpu | !linux) & cpu"}, "requires", "(tpu | !linux) & cpu; small has cpu, linux."),
        ({"hosts": ("a40",), "requires": "a100"}, "requires", "a40 does not have a100."),
        ({"exclude_hosts": ("small", "a40", "a100")}, "exclude_hosts", "Every known host is excluded."),
        ({"node_count": 3, "gpu_count": 1}, "node_count", "Only 2 of the known hosts could each run its part (a100, "),
        (
            {"cpu_centicores": 5000, "gpu_count": 4},
            "cpu_cores",
            "No known host has 50 CPU cores together with all else that is asked for; the nearest is a40 with 32 CPU",
        ),
    ],
)
def test_the_wish_to_blame_and_the_nearest_host(wishes: dict[str, Any], field: str, words: str) -> None:
    found = blamed(**wishes)
    assert list(found) == [field]
    assert words in found[field]


def test_a_host_that_was_named_is_the_nearest_even_where_another_lacks_less() -> None:
    found = blamed(hosts=("small",), memory_mib=100 * 1024, cpu_centicores=2000)
    assert set(found) == {"memory_mib", "cpu_cores"}
    assert all("the nearest is small" in sentence for sentence in found.values())


def test_a_size_that_a_host_does_not_know_may_do() -> None:
    unknown = host("new", total_disk_mib=None)
    unknown.total_memory_mib = None
    assert feasible.blame(Shape(memory_mib=1, disk_mib=1), [unknown], {}) == {}
    assert list(feasible.blame(Shape(memory_mib=1, cpu_centicores=9999), [unknown], {})) == ["cpu_cores"]


def test_no_host_blames_nothing() -> None:
    assert feasible.blame(Shape(cpu_centicores=100), [], {}) == {}


SHAPES = st.builds(
    Shape,
    cpu_centicores=st.integers(0, 8000),
    memory_mib=st.integers(0, 600 * 1024),
    disk_mib=st.integers(0, 120 * 1024),
    gpu_count=st.integers(0, 5),
    gpu_memory_mib=st.sampled_from([0, 1024, 60 * 1024, 100 * 1024]),
    gpu_share=st.booleans(),
    gpu_types=st.sampled_from([(), ("a40",), ("a100",), ("a40", "a100")]),
    resources=st.sampled_from([(), (("matlab", 1),), (("matlab", 2),)]),
    node_count=st.integers(1, 3),
    whole_host=st.booleans(),
    hosts=st.sampled_from([(), ("a40",), ("small", "a100")]),
    exclude_hosts=st.sampled_from([(), ("a40",)]),
    pool=st.sampled_from(["", "cpu"]),
    requires=st.sampled_from(["", "linux", "a100 | cpu"]),
)


@given(SHAPES)
def test_nothing_is_blamed_exactly_when_enough_empty_hosts_fit(shape: Shape) -> None:
    able = [each for each in HOSTS if fit.refusal(shape, emptied(each)) is None]
    assert (feasible.blame(shape, HOSTS, {}) == {}) == (len(able) >= shape.node_count)
