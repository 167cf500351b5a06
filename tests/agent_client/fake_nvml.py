"""Stands where the module pynvml stands: absent, broken, hanging, or with cards that support less than asked."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

MIB = 1024 * 1024


class NVMLError(Exception):
    def __init__(self, value: int) -> None:
        super().__init__(
            {3: "Not Supported", 9: "Driver Not Loaded", 12: "Library Not Found", 15: "GPU is lost"}.get(
                value, "Unknown Error"
            )
        )
        self.value = value


class FakeCard(SimpleNamespace):
    """`unsupported` names the queries that the card refuses; `is_lost` refuses the handle.

    `computing` and `drawing`: MiB by pid, None where the driver does not say.
    """

    def __init__(self, bus: int, name: str = "Fake A100", memory_mib: int = 40960, **changes: Any) -> None:
        values = {
            "utilization": 30,
            "used_mib": 1024,
            "celsius": 41,
            "milliwatts": 61234,
            "unsupported": (),
            "is_lost": False,
            "computing": {},
            "drawing": {},
        }
        super().__init__(bus=bus, name=name, memory_mib=memory_mib, uuid=f"GPU-{bus:08d}-aaaa", **{**values, **changes})


class FakeNvml:
    NVMLError = NVMLError
    NVML_ERROR_NOT_SUPPORTED = 3
    NVML_ERROR_DRIVER_NOT_LOADED = 9
    NVML_ERROR_LIBRARY_NOT_FOUND = 12
    NVML_ERROR_GPU_IS_LOST = 15
    NVML_TEMPERATURE_GPU = 0

    def __init__(self, cards: list[FakeCard] | None = None, init_error: int | None = None) -> None:
        self.cards = cards or []
        self.init_error = init_error
        self.inits = 0
        self.release = threading.Event()
        self.release.set()  # clear it to make the driver hang

    def nvmlInit(self) -> None:
        self.inits += 1
        self.release.wait(30)
        if self.init_error is not None:
            raise NVMLError(self.init_error)

    def nvmlShutdown(self) -> None:
        pass

    def nvmlDeviceGetCount(self) -> int:
        self.release.wait(30)
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> FakeCard:
        if self.cards[index].is_lost:
            raise NVMLError(self.NVML_ERROR_GPU_IS_LOST)
        return self.cards[index]

    def nvmlDeviceGetPciInfo(self, card: FakeCard) -> Any:
        return self._answer(card, "pci", lambda: SimpleNamespace(domain=0, bus=card.bus, device=0))

    def nvmlDeviceGetMemoryInfo(self, card: FakeCard) -> Any:
        return self._answer(
            card, "memory", lambda: SimpleNamespace(total=card.memory_mib * MIB, used=card.used_mib * MIB)
        )

    def nvmlDeviceGetUtilizationRates(self, card: FakeCard) -> Any:
        return self._answer(card, "utilization", lambda: SimpleNamespace(gpu=card.utilization, memory=1))

    def nvmlDeviceGetPowerUsage(self, card: FakeCard) -> Any:
        return self._answer(card, "power", lambda: card.milliwatts)

    def nvmlDeviceGetTemperature(self, card: FakeCard, sensor: int) -> Any:
        assert sensor == self.NVML_TEMPERATURE_GPU
        return self._answer(card, "temperature", lambda: card.celsius)

    def nvmlDeviceGetUUID(self, card: FakeCard) -> Any:
        return self._answer(card, "uuid", lambda: card.uuid)

    def nvmlDeviceGetName(self, card: FakeCard) -> Any:
        return self._answer(card, "name", lambda: card.name.encode())

    def nvmlDeviceGetComputeRunningProcesses(self, card: FakeCard) -> Any:
        return self._answer(card, "processes", lambda: _listed(card.computing))

    def nvmlDeviceGetGraphicsRunningProcesses(self, card: FakeCard) -> Any:
        return self._answer(card, "drawing", lambda: _listed(card.drawing))

    def _answer(self, card: FakeCard, query: str, answer: Callable[[], Any]) -> Any:
        if query in card.unsupported:
            raise NVMLError(self.NVML_ERROR_NOT_SUPPORTED)
        return answer()


def _listed(by_pid: dict[int, int | None]) -> list[Any]:
    return [SimpleNamespace(pid=pid, usedGpuMemory=None if mib is None else mib * MIB) for pid, mib in by_pid.items()]
