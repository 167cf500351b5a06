"""Sentences about reservations, the same on every page and in every reply. Changes nothing."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.utils import timezone

from tasks.models import AllocatedGpu, Reservation
from tasks.reserving import reservation_outlook
from tasks.scheduling.rows.request import reservation_request
from tasks.scheduling.wording import gib, needs, plural
from tasks.states import ReservationState


def sentences(rows: Sequence[Reservation]) -> dict[int, str]:
    """By id: what a pending one lacks, what an active one holds until when, how an ended one ended."""
    waiting = reservation_outlook.waiting_sentences(rows)
    return {row.pk: waiting[row.pk] or _held(row) or row.end_detail for row in rows}


def asked(row: Reservation) -> str:
    """ "2 CPU cores and GPU 3 on gpu-1" """
    return needs(reservation_request(row, frozenset()).shape)


def cards(row: Reservation) -> list[AllocatedGpu]:
    """The cards that it holds, or held, by their numbers; uses what reservation_querysets prefetched."""
    allocation = getattr(row, "allocation", None)
    return [] if allocation is None else sorted(allocation.gpus.all(), key=lambda card: card.gpu.index)


def cards_in_words(row: Reservation) -> str:
    """ "GPU 1 and 3" or "10 GiB of GPU 1" """
    held = cards(row)
    if not held:
        return ""
    numbers = [str(card.gpu.index) for card in held]
    part = f"{gib(held[0].memory_mib)} of {'each of ' if len(held) > 1 else ''}" if held[0].is_shared else ""
    return f"{part}{plural(len(held), 'GPU')} {' and '.join(numbers)}"


def clock(moment: datetime | None) -> str:
    """18:00 today, with its date on other days; in the site's zone."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    is_today = local.date() == timezone.localtime().date()
    return f"{local:%H:%M}" if is_today else f"{local:%Y-%m-%d %H:%M}"


def _held(row: Reservation) -> str:
    if row.state != ReservationState.ACTIVE or row.agent is None:
        return ""
    on_cards = cards_in_words(row)
    amounts = replace(reservation_request(row, frozenset()).shape, hosts=())
    what = "the whole host" if row.whole_host else on_cards or needs(amounts)
    return f"Holds {what} on {row.agent.name} until {clock(row.until)} {timezone.localtime(row.until):%Z}."
