"""ReservationEvent: the history of a reservation, one row for each change of its state or of its end."""

from django.db import models

from scheduler_site.shared.audit import HistoryRow


class ReservationEvent(HistoryRow):
    reservation = models.ForeignKey("tasks.Reservation", on_delete=models.PROTECT, related_name="events")

    class Meta(HistoryRow.Meta):
        indexes = [models.Index(fields=["reservation", "id"], name="reservation_event_by_row")]
