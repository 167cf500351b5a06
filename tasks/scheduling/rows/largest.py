"""The most memory that any known host has, of those that a task may use. Changes nothing."""

from dataclasses import replace

from tasks.models import Task
from tasks.scheduling import cards, eligibility
from tasks.scheduling.rows import hosts
from tasks.scheduling.rows.request import task_request
from tasks.scheduling.values import Host
from tasks.shortage import Largest


def largest_for(task: Task) -> Largest:
    """As if the hosts were empty."""
    shape = replace(task_request(task, frozenset()).shape, memory_mib=0, gpu_memory_mib=0, gpu_share=False)
    able = [host for host in hosts.load(hosts.known()) if eligibility.refusal(shape, host) is None]
    if shape.gpu_count:
        able = [host for host in able if sum(cards.could(shape, card) for card in host.cards) >= shape.gpu_count]
    memory = max((host.total_memory_mib or 0 for host in able), default=0)
    sizes = [size for host in able for size in _sizes(host, shape.gpu_count)]
    return Largest(memory, max(sizes, default=0))


def _sizes(host: Host, count: int) -> list[int]:
    """Of a task with several cards: the size that so many of the host's cards have."""
    found = sorted((card.total_mib or 0 for card in host.cards), reverse=True)
    return found[count - 1 : count] if count else []
