"""GPU probe: states, bus order, CUDA_VISIBLE_DEVICES, values not supported, a driver that hangs."""

import pynvml
import pytest

from agent_client.probes.gpu import DisabledGpus, GpuReading, GpuReport, GuardedGpuProbe
from agent_client.probes.nvml import NvmlProbe
from agent_client.probes.visible_devices import choose_visible
from tests.agent_client.fake_nvml import FakeCard, FakeNvml
from tests.waiting import wait_until


def read(nvml: FakeNvml, **environment: str) -> GpuReport:
    return NvmlProbe(nvml, environment).read()


def test_the_fake_has_the_names_of_the_real_library() -> None:
    public = [name for name in dir(FakeNvml) if name.startswith(("nvml", "NVML"))]
    missing = [name for name in public if not hasattr(pynvml, name)]
    assert missing == []
    for name in public:
        if name.startswith("NVML_"):
            assert getattr(FakeNvml, name) == getattr(pynvml, name), name


def test_a_card_is_read_with_all_its_values() -> None:
    report = read(FakeNvml([FakeCard(bus=5)]))
    assert report == GpuReport(
        "ready",
        "",
        (
            GpuReading(
                index=0,
                uuid="GPU-00000005-aaaa",
                name="Fake A100",
                memory_mib=40960,
                memory_used_mib=1024,
                utilization=30.0,
                temperature_c=41.0,
                power_w=61.2,
            ),
        ),
        {"GPU-00000005-aaaa": ()},
    )


def test_cards_are_numbered_in_bus_order() -> None:
    report = read(FakeNvml([FakeCard(bus=9, name="second"), FakeCard(bus=2, name="first")]))
    assert [(card.index, card.name) for card in report.gpus] == [(0, "first"), (1, "second")]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("utilization", "utilization"),
        ("power", "power_w"),
        ("temperature", "temperature_c"),
        ("memory", "memory_mib"),
        ("name", "name"),
    ],
)
def test_what_a_card_does_not_support_is_unknown(query: str, field: str) -> None:
    report = read(FakeNvml([FakeCard(bus=1, unsupported=(query,))]))
    card = report.gpus[0]
    assert report.state == "ready"
    assert getattr(card, field) is None
    others = {"utilization", "power_w", "temperature_c", "name"} - {field}
    assert all(getattr(card, other) is not None for other in others)


def test_a_card_without_a_uuid_is_named_by_its_place() -> None:
    report = read(FakeNvml([FakeCard(bus=1), FakeCard(bus=2, unsupported=("uuid",))]))
    assert report.gpus[1].uuid == "GPU-at-index-1"


@pytest.mark.parametrize(
    ("nvml", "state", "words"),
    [
        (FakeNvml(init_error=12), "absent", "library"),
        (FakeNvml(init_error=9), "absent", "not loaded"),
        (FakeNvml(init_error=999), "broken", "Unknown Error"),
        (FakeNvml([]), "absent", "no GPU"),
        (FakeNvml([FakeCard(bus=1, is_lost=True)]), "broken", "GPU 0"),
    ],
)
def test_states_without_cards_say_why(nvml: FakeNvml, state: str, words: str) -> None:
    report = read(nvml)
    assert (report.state, report.gpus) == (state, ())
    assert words in report.detail


@pytest.mark.matrix(60)
def test_a_card_that_falls_off_leaves_the_others_their_numbers() -> None:
    cards = [FakeCard(bus=1), FakeCard(bus=2)]
    probe = NvmlProbe(FakeNvml(cards), {})
    assert [card.index for card in probe.read().gpus] == [0, 1]
    cards[0].is_lost = True
    report = probe.read()
    assert [(card.index, card.uuid) for card in report.gpus] == [(1, cards[1].uuid)]
    assert "GPU 0 does not answer" in report.detail


def test_a_driver_that_comes_back_is_opened_again() -> None:
    nvml = FakeNvml([FakeCard(bus=1)], init_error=999)
    probe = NvmlProbe(nvml, {})
    assert probe.read().state == "broken"
    nvml.init_error = None
    assert probe.read().state == "ready"
    assert nvml.inits == 2
    probe.read()
    assert nvml.inits == 2


@pytest.mark.parametrize(
    ("visible", "indexes"),
    [
        (None, [0, 1, 2]),
        ("", []),
        ("-1", []),
        ("2", [2]),
        ("2,0", [0, 2]),
        (" 1 , 2 ", [1, 2]),
        ("0,7,1", [0]),
        ("1,1", [1]),
        ("GPU-b", [1]),
        ("GPU-c,GPU-a", [0, 2]),
        ("GPU-", []),
        ("MIG-1", []),
        ("abc", []),
    ],
)
def test_the_agents_own_cuda_visible_devices_restricts(visible: str | None, indexes: list[int]) -> None:
    cards = [GpuReading(index, uuid=f"GPU-{letter}123") for index, letter in enumerate("abc")]
    assert [card.index for card in choose_visible(cards, visible)] == indexes


def test_a_restriction_to_nothing_is_the_state_disabled() -> None:
    report = read(FakeNvml([FakeCard(bus=1)]), CUDA_VISIBLE_DEVICES="")
    assert (report.state, report.gpus) == ("disabled", ())
    assert "CUDA_VISIBLE_DEVICES" in report.detail
    assert DisabledGpus("kept").read() == GpuReport("disabled", "kept")


@pytest.mark.matrix(61)
def test_a_hanging_driver_is_broken_and_recovers() -> None:
    nvml = FakeNvml([FakeCard(bus=1)])
    guarded = GuardedGpuProbe(NvmlProbe(nvml, {}), hangs_after_seconds=0.05)
    assert wait_until(lambda: (r := guarded.read()).state == "ready" and r, what="the first reading").gpus
    nvml.release.clear()
    broken = wait_until(lambda: (r := guarded.read()).state == "broken" and r, what="the state broken")
    assert "has not answered" in broken.detail
    assert broken.gpus == ()
    nvml.release.set()
    wait_until(lambda: guarded.read().state == "ready", what="the driver to answer again")


def test_only_one_question_is_under_way_while_the_driver_hangs() -> None:
    nvml = FakeNvml([FakeCard(bus=1)])
    nvml.release.clear()
    guarded = GuardedGpuProbe(NvmlProbe(nvml, {}), hangs_after_seconds=0.02)
    for _ in range(5):
        assert guarded.read().state == "broken"
    assert nvml.inits == 1
    nvml.release.set()


def test_whatever_the_library_raises_is_the_state_broken() -> None:
    class Exploding:
        def read(self) -> GpuReport:
            raise OSError("symbol lookup failed")

    report = GuardedGpuProbe(Exploding()).read()
    assert report.state == "broken"
    assert "symbol lookup failed" in report.detail
