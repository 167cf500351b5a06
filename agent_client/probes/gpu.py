"""What a GPU probe answers, and the guard against a driver that hangs. Asks no driver itself."""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

GpuState = Literal["ready", "absent", "disabled", "broken"]
HANGS_AFTER_SECONDS = 5.0
PATIENCE_SECONDS = 0.3


@dataclass(frozen=True)
class GpuReading:
    """One card. `index` is its place in PCI bus order; all but `index` and `uuid` may be unknown.

    `own_mib`: the part of `memory_used_mib` that sub agents of this host use.
    """

    index: int
    uuid: str
    name: str | None = None
    memory_mib: int | None = None
    memory_used_mib: int | None = None
    own_mib: int | None = None
    utilization: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None


@dataclass(frozen=True)
class GpuProcess:
    """A process that the driver lists on a card."""

    pid: int
    memory_mib: int | None


@dataclass(frozen=True)
class GpuUser:
    """What one sub agent uses of one card."""

    sub_agent_id: str
    uuid: str
    memory_mib: int


@dataclass(frozen=True)
class GpuReport:
    """`detail` is one sentence for people when the state needs one.

    `processes`: by UUID, of those cards that list them. `users` is None when nobody can tell who uses the cards.
    """

    state: GpuState
    detail: str = ""
    gpus: tuple[GpuReading, ...] = ()
    processes: Mapping[str, tuple[GpuProcess, ...]] = field(default_factory=dict)
    users: tuple[GpuUser, ...] | None = None


class GpuProbe(Protocol):
    def read(self) -> GpuReport: ...


class DisabledGpus:
    """Answers for a host whose owner keeps the GPUs to himself."""

    def __init__(self, detail: str) -> None:
        self._report = GpuReport("disabled", detail)

    def read(self) -> GpuReport:
        return self._report


class GuardedGpuProbe:
    """Reads another probe in a thread. A call returns soon: the new report, the last one, or `broken` after 5 s.

    The first call waits up to 5 s, because a driver that is not loaded yet takes seconds to wake.
    """

    def __init__(self, probe: GpuProbe, hangs_after_seconds: float = HANGS_AFTER_SECONDS) -> None:
        self._probe = probe
        self._hangs_after_seconds = hangs_after_seconds
        self._asks: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._answered = threading.Event()
        self._asked_at: float | None = None
        self._last: GpuReport | None = None
        self._thread: threading.Thread | None = None

    def read(self) -> GpuReport:
        if self._asked_at is None:
            self._ask()
        self._answered.wait(PATIENCE_SECONDS if self._last else self._hangs_after_seconds)
        return self._collect()

    def _ask(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="gpu-probe", daemon=True)
            self._thread.start()
        self._answered.clear()
        self._asked_at = time.monotonic()
        self._asks.put(None)

    def _collect(self) -> GpuReport:
        asked_at = self._asked_at or 0.0
        if self._answered.is_set() and self._last:
            self._asked_at = None
            return self._last
        waited = time.monotonic() - asked_at
        if self._last and waited < self._hangs_after_seconds:
            return self._last
        return GpuReport("broken", f"The GPU driver has not answered for {waited:.0f} seconds.")

    def _serve(self) -> None:
        while True:
            self._asks.get()
            self._last = read_safely(self._probe.read)
            self._answered.set()


def read_safely(read: Callable[[], GpuReport]) -> GpuReport:
    """Whatever a driver library raises becomes the state `broken`: a GPU problem must not end the agent."""
    try:
        return read()
    except Exception as error:  # noqa: BLE001
        return GpuReport("broken", f"Reading the GPUs failed: {type(error).__name__}: {error}.")
