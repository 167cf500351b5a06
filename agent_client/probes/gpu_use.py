"""Tells what of the cards' memory sub agents of this host use, and which. Does not look for the owner of a process
itself."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from agent_client.probes.gpu import GpuProbe, GpuProcess, GpuReading, GpuReport, GpuUser

Owners = Mapping[int, str | None]
"""By pid: the id of a sub agent, "" for somebody else's process, None when that cannot be told."""


class AttributedGpus:
    """Another probe's report with `own_mib` and `users` filled. `owners` is asked for the pids of one report.

    `sees_everyone`: false in a container, where the driver hides the processes of others and sometimes all.
    """

    def __init__(self, probe: GpuProbe, owners: Callable[[Iterable[int]], Owners], sees_everyone: bool) -> None:
        self._probe = probe
        self._owners = owners
        self._sees_everyone = sees_everyone

    def read(self) -> GpuReport:
        report = self._probe.read()
        if not self._sees_everyone:
            report = replace(report, processes={uuid: listed for uuid, listed in report.processes.items() if listed})
        pids = {process.pid for listed in report.processes.values() for process in listed}
        return attributed(report, self._owners(pids))


def attributed(report: GpuReport, owners: Owners) -> GpuReport:
    """Pure. A card of which the processes are not known, or not whose they are, keeps an unknown `own_mib`."""
    cards = tuple(replace(card, own_mib=_own_mib(card, report.processes, owners)) for card in report.gpus)
    if all(card.own_mib is None for card in cards):
        return replace(report, gpus=cards)
    return replace(report, gpus=cards, users=tuple(_users(cards, report.processes, owners)))


def _users(
    cards: Iterable[GpuReading], processes: Mapping[str, tuple[GpuProcess, ...]], owners: Owners
) -> Iterator[GpuUser]:
    for card in cards:
        uses: dict[str, int] = {}
        for process in processes.get(card.uuid, ()):
            if (owner := owners.get(process.pid)) and process.memory_mib is not None:
                uses[owner] = uses.get(owner, 0) + process.memory_mib
        yield from (GpuUser(sub_agent_id, card.uuid, mib) for sub_agent_id, mib in uses.items())


def _own_mib(card: GpuReading, processes: Mapping[str, tuple[GpuProcess, ...]], owners: Owners) -> int | None:
    listed = processes.get(card.uuid)
    if listed is None or any(_is_riddle(process, owners) for process in listed):
        return None
    return sum(process.memory_mib or 0 for process in listed if owners.get(process.pid))


def _is_riddle(process: GpuProcess, owners: Owners) -> bool:
    """It may be ours, or it is and nobody knows how much it uses."""
    owner = owners.get(process.pid)
    return owner is None or (bool(owner) and process.memory_mib is None)
