"""Random as the paper compares with it: any node with room, and on it any card with room. The product's own random
chooses only the host by lot, not the card."""

import random

from tasks.scheduling import cards as gpu_cards
from tasks.scheduling.policies.random_choice import RandomChoice
from tasks.scheduling.values import Host, Shape


class PublishedRandom(RandomChoice):
    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._card = random.Random(seed)  # noqa: S311 (no secret)

    def cards(self, shape: Shape, host: Host) -> tuple[int, ...]:
        fitting = [card.gpu_id for card in host.cards if gpu_cards.fits(shape, card)]
        return tuple(self._card.sample(fitting, shape.gpu_count))
