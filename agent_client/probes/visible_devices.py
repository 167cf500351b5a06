"""CUDA_VISIBLE_DEVICES of the agent itself as a restriction: which of the host's cards it may offer. Pure."""

from collections.abc import Sequence

from agent_client.probes.gpu import GpuReading


def choose_visible(cards: Sequence[GpuReading], visible: str | None) -> list[GpuReading]:
    """The cards named by indices or UUIDs (a unique beginning is enough); all when the variable is not set.

    As in CUDA, the first name that fits no card hides everything after it. The cards keep their place on the bus:
    that index is what a script's own CUDA_VISIBLE_DEVICES will say.
    """
    if visible is None:
        return list(cards)
    chosen: list[GpuReading] = []
    for word in (part.strip() for part in visible.split(",")):
        card = _find(cards, word)
        if card is None or card in chosen:
            break
        chosen.append(card)
    return sorted(chosen, key=lambda card: card.index)


def _find(cards: Sequence[GpuReading], word: str) -> GpuReading | None:
    if word.isdigit():
        return next((card for card in cards if card.index == int(word)), None)
    fitting = [card for card in cards if word.startswith("GPU-") and card.uuid.startswith(word)]
    return fitting[0] if len(fitting) == 1 else None
