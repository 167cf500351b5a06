"""Reads NVIDIA cards through NVML. Every value that a card or a driver does not support is unknown, not an error."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from agent_client.probes.gpu import GpuProcess, GpuReading, GpuReport
from agent_client.probes.visible_devices import choose_visible

Value = TypeVar("Value")
MIB = 1024 * 1024


class NvmlProbe:
    """`nvml` is the module pynvml or something with the same functions. Not safe for several threads at once."""

    def __init__(self, nvml: Any, environment: Mapping[str, str]) -> None:
        self._nvml = nvml
        self._visible = environment.get("CUDA_VISIBLE_DEVICES")
        self._is_open = False

    def read(self) -> GpuReport:
        try:
            return self._read_cards()
        except self._nvml.NVMLError as error:
            self._close()  # opened again at the next reading: drivers are reloaded under running agents
            return self._explain(error)

    def _read_cards(self) -> GpuReport:
        if not self._is_open:
            self._nvml.nvmlInit()
            self._is_open = True
        handles, lost = self._cards_in_bus_order()
        if not handles and lost:
            self._close()
            return GpuReport("broken", lost[0])
        if not handles:
            return GpuReport("absent", "The NVIDIA driver lists no GPU.")
        return self._restrict(handles, lost)

    def _restrict(self, handles: list[tuple[int, Any]], lost: list[str]) -> GpuReport:
        cards = [self._read_card(index, handle) for index, handle in handles]
        chosen = choose_visible(cards, self._visible)
        if not chosen:
            return GpuReport(
                "disabled", f"CUDA_VISIBLE_DEVICES={self._visible!r} of the agent names no GPU of this host."
            )
        listed = {card.uuid: self._processes(handle) for card, (_, handle) in zip(cards, handles, strict=True)}
        processes = {uuid: found for uuid, found in listed.items() if found is not None}
        return GpuReport("ready", " ".join(lost), tuple(chosen), processes)

    def _cards_in_bus_order(self) -> tuple[list[tuple[int, Any]], list[str]]:
        """Handles numbered as CUDA_DEVICE_ORDER=PCI_BUS_ID does, and a sentence for each that does not answer.

        A card that fell off keeps its number, so that the others do not change theirs.
        """
        handles, lost = [], {}
        count = self._nvml.nvmlDeviceGetCount()
        for number in range(count):
            try:
                handle = self._nvml.nvmlDeviceGetHandleByIndex(number)
                handles.append((self._bus_id(handle, number), handle))
            except self._nvml.NVMLError as error:
                lost[number] = f"GPU {number} does not answer: {error}."
        handles.sort(key=lambda pair: pair[0])
        numbers = (number for number in range(count) if number not in lost)
        return [(index, handle) for index, (_, handle) in zip(numbers, handles, strict=True)], [*lost.values()]

    def _bus_id(self, handle: Any, number: int) -> tuple[int, int, int, int]:
        """NVML promises no order of its own, so cards are sorted by domain, bus and device."""
        pci = self._ask(lambda: self._nvml.nvmlDeviceGetPciInfo(handle))
        return (pci.domain, pci.bus, pci.device, number) if pci is not None else (0, 0, 0, number)

    def _read_card(self, index: int, handle: Any) -> GpuReading:
        nvml, ask = self._nvml, self._ask
        memory = ask(lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
        rates = ask(lambda: nvml.nvmlDeviceGetUtilizationRates(handle))
        milliwatts = ask(lambda: nvml.nvmlDeviceGetPowerUsage(handle))
        celsius = ask(lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))
        return GpuReading(
            index=index,
            uuid=_text(ask(lambda: nvml.nvmlDeviceGetUUID(handle))) or f"GPU-at-index-{index}",  # a card needs a name
            name=_text(ask(lambda: nvml.nvmlDeviceGetName(handle))),
            memory_mib=None if memory is None else memory.total // MIB,
            memory_used_mib=None if memory is None else memory.used // MIB,
            utilization=None if rates is None else float(rates.gpu),
            temperature_c=None if celsius is None else float(celsius),
            power_w=None if milliwatts is None else round(milliwatts / 1000, 1),
        )

    def _processes(self, handle: Any) -> tuple[GpuProcess, ...] | None:
        """Those that compute and those that draw; who does both stands in both lists with the same memory."""
        computing = self._ask(lambda: self._nvml.nvmlDeviceGetComputeRunningProcesses(handle))
        if computing is None:
            return None
        drawing = self._ask(lambda: self._nvml.nvmlDeviceGetGraphicsRunningProcesses(handle)) or []
        by_pid = {process.pid: process.usedGpuMemory for process in [*drawing, *computing]}
        return tuple(GpuProcess(pid, None if used is None else used // MIB) for pid, used in by_pid.items())

    def _ask(self, query: Callable[[], Value]) -> Value | None:
        """The one place where "not supported" becomes "unknown"."""
        try:
            return query()
        except self._nvml.NVMLError:
            return None

    def _close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._ask(self._nvml.nvmlShutdown)

    def _explain(self, error: Exception) -> GpuReport:
        code = getattr(error, "value", None)
        if code == self._nvml.NVML_ERROR_LIBRARY_NOT_FOUND:
            return GpuReport("absent", "No NVIDIA driver library (libnvidia-ml.so.1) on this host.")
        if code == self._nvml.NVML_ERROR_DRIVER_NOT_LOADED:
            return GpuReport("absent", "The NVIDIA driver is not loaded on this host.")
        return GpuReport("broken", f"The NVIDIA driver reports: {error}.")


def _text(value: str | bytes | None) -> str | None:
    """Older bindings answer in bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value
