"""What follows when cards of a host are not seen any more: a row of its history, and a pause where the site wants it.

A card that is not present is not given to anybody; what its holders become is the tasks app's.
"""

from collections.abc import Sequence

from django.conf import settings

from agents import administration
from agents.history import record
from agents.models import Agent, Gpu
from agents.states import GpuState, Standing
from scheduler_site.shared.actors import SYSTEM, Actor


def notice(agent: Agent, gone: Sequence[Gpu], gpu_state: str) -> None:
    """Cards that their owner switched off (`disabled`) did not fall off."""
    if not gone or gpu_state == GpuState.DISABLED:
        return
    numbers = ", ".join(str(gpu.index) for gpu in sorted(gone, key=lambda gpu: gpu.index))
    sentence = f"GPU {numbers} of {agent.name} does not answer any more."
    record(agent, "gpu_lost", actor=Actor.agent(agent.name), reason=sentence)
    agent.refresh_from_db(fields=["standing", "wish"])
    if settings.PAUSE_ON_GPU_LOSS and agent.standing == Standing.ACTIVE:
        administration.pause(agent, actor=SYSTEM, reason=sentence)
