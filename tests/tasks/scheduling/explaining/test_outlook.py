"""What each host says to a shape: now, later and after whom, or never."""

from tasks.scheduling.explaining.outlook import brief, outlook_on, outlooks, soonest_first
from tasks.scheduling.values import Card, Ending, Held, Host, Shape


def box(name: str, free: int, *endings: Ending, total: int = 400, gpus: int = 0) -> Host:
    own = [Card(index, index, 40960, 40960) for index in range(gpus)]
    return Host(name, name, total, free, 65536, 65536, own, holders=len(endings), endings=list(endings))


def ends(seconds: float, centicores: int, holder: str) -> Ending:
    return Ending(seconds, Held(cpu_centicores=centicores), holder)


def test_room_now() -> None:
    found = outlook_on(Shape(100), box("a", 400))
    assert (found.fits, found.is_busy, found.free_in_seconds, found.reason) == (True, False, 0.0, "has room")


def test_room_once_somebody_ends() -> None:
    found = outlook_on(Shape(300), box("a", 100, ends(50, 100, "#1"), ends(20, 100, "#2"), ends(90, 100, "#3")))
    assert (found.fits, found.is_busy, found.lacks) == (False, True, "cpu")
    assert (found.free_in_seconds, found.after) == (50, "#1")


def test_nobody_knows_when_without_a_run_time() -> None:
    host = box("a", 0, ends(86400, 400, "#7"))
    found = outlook_on(Shape(100), host, unknown=frozenset({"#7"}))
    assert (found.free_in_seconds, found.after) == (None, "#7")


def test_what_is_lacking_for_good_is_said_rather_than_what_is_lacking_now() -> None:
    """A full host without GPUs: waiting for its cores would help nobody."""
    found = outlook_on(Shape(100, gpu_count=1), box("a", 0, ends(50, 400, "#1")))
    assert (found.is_final, found.lacks, found.reason) == (True, "gpu", "has no GPU")


def test_an_absent_host_says_so_unless_it_could_never() -> None:
    assert outlook_on(Shape(100), box("a", 400), "offline").reason == "is offline"
    assert outlook_on(Shape(100), box("a", 400), "offline").is_away
    assert outlook_on(Shape(900), box("a", 400), "offline").is_final


def test_reservations_and_the_rest_of_the_host_do_not_mix() -> None:
    outer, inner = box("a", 400), box("a (reservation 5)", 400)
    inner.reservation_id = 5
    assert [found.host for found in outlooks(Shape(100), [outer, inner], {})] == ["a"]
    assert [found.host for found in outlooks(Shape(100, reservation_id=5), [outer, inner], {})] == [inner.name]


def test_soonest_first() -> None:
    hosts = [
        box("unknown", 0, ends(1, 400, "#1")),
        box("late", 0, ends(90, 400, "#2")),
        box("early", 0, ends(5, 400, "#3")),
        box("free", 400),
    ]
    found = outlooks(Shape(100), hosts, {}, frozenset({"#1"}))
    assert [outlook.host for outlook in soonest_first(found)] == ["early", "late", "unknown"]


def test_in_brief_only_the_soonest_is_asked_when() -> None:
    hosts = [
        box("late", 0, ends(90, 400, "#2")),
        box("bit by bit", 0, ends(1, 100, "#4"), ends(70, 300, "#5")),
        box("early", 0, ends(5, 400, "#3")),
        box("small", 0, total=100),
        box("away", 400),
    ]
    full = outlooks(Shape(400), hosts, {"away": "offline"})
    short = brief(Shape(400), hosts, {"away": "offline"}, frozenset())
    assert soonest_first(short)[0] == soonest_first(full)[0]
    assert [outlook.after for outlook in short] == ["", "", "#3", "", ""]
    for one, other in zip(short, full, strict=True):
        assert (one.fits, one.reason, one.is_final, one.is_away) == (
            other.fits,
            other.reason,
            other.is_final,
            other.is_away,
        )
