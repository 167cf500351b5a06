"""What is said of memory that ran out, and how much more is asked for then."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.shortage import Largest, Request, grown, label, sentence

GIB = 1024
sizes = st.one_of(st.none(), st.integers(1, 200 * GIB))
requests = st.builds(
    Request,
    sizes,
    sizes,
    st.booleans(),
    st.one_of(st.none(), st.floats(1.05, 10)),
    st.booleans(),
)
largests = st.builds(Largest, st.integers(0, 300 * GIB), st.integers(0, 300 * GIB))


@pytest.mark.parametrize(
    ("kind", "asked", "seen", "evidence", "words"),
    [
        ("gpu", 8 * GIB, 11673, "", "Out of GPU memory: asked 8 GiB, saw 11.4 GiB."),
        ("gpu", 8 * GIB, None, "", "Out of GPU memory: asked 8 GiB."),
        ("host", 4 * GIB, 4200, "", "Out of memory: asked 4 GiB, saw 4.1 GiB."),
        ("host", 512, 600, "", "Out of memory: asked 512 MiB, saw 600 MiB."),
        (
            "host",
            None,
            3 * GIB,
            "MemoryError",
            "Out of memory: asked for none, saw 3 GiB. The output says: MemoryError",
        ),
    ],
)
def test_label(kind: str, asked: int | None, seen: int | None, evidence: str, words: str) -> None:
    assert label(kind, asked, seen, evidence) == words


@pytest.mark.parametrize(
    ("kind", "asked", "seen", "changes"),
    [
        ("gpu", Request(gpu_memory=8 * GIB, gpu_share=True, factor=1.5), 11 * GIB, {"gpu_memory": 12 * GIB}),
        ("gpu", Request(gpu_memory=8 * GIB, gpu_share=True, factor=1.1), 11 * GIB, {"gpu_memory": 11 * GIB}),
        ("gpu", Request(gpu_memory=30 * GIB, gpu_share=True, factor=3.0), None, {"gpu_memory": 48 * GIB}),
        ("gpu", Request(gpu_memory=48 * GIB, gpu_share=True, factor=3.0), None, {}),
        ("gpu", Request(gpu_memory=8 * GIB, gpu_share=True, exclusive=True), 11 * GIB, {"gpu_share": False}),
        ("gpu", Request(gpu_memory=8 * GIB, exclusive=True), 11 * GIB, {}),
        ("gpu", Request(memory_mib=GIB, factor=2.0), 11 * GIB, {}),
        ("host", Request(memory_mib=4 * GIB, factor=2.0), None, {"memory_mib": 8 * GIB}),
        ("host", Request(factor=2.0), 3 * GIB, {"memory_mib": 6 * GIB}),
        ("host", Request(memory_mib=4 * GIB, gpu_memory=8 * GIB, gpu_share=True, exclusive=True), 5 * GIB, {}),
    ],
)
def test_growth(kind: str, asked: Request, seen: int | None, changes: dict[str, object]) -> None:
    assert grown(kind, asked, seen, Largest(64 * GIB, 48 * GIB)) == changes


@given(st.sampled_from(["gpu", "host"]), requests, sizes, largests)
def test_nothing_ever_shrinks_or_grows_beyond_what_there_is(
    kind: str, asked: Request, seen: int | None, largest: Largest
) -> None:
    changes = grown(kind, asked, seen, largest)
    if "memory_mib" in changes:
        assert (asked.memory_mib or 0) < changes["memory_mib"] <= largest.memory_mib
    if "gpu_memory" in changes:
        assert (asked.gpu_memory or 0) < changes["gpu_memory"] <= largest.card_mib
    if asked.factor is None:
        assert set(changes) <= {"gpu_share"}
    assert bool(sentence(asked, changes)) == bool(changes)


def test_the_history_says_what_changes() -> None:
    before = Request(gpu_memory=8 * GIB, gpu_share=True)
    changes = {"gpu_memory": 12 * GIB, "gpu_share": False}
    assert sentence(before, changes) == "GPU memory 8 GiB → 12 GiB, a whole card instead of a share"
