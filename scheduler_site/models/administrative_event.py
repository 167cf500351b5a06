"""AdministrativeEvent: the history of accounts, sign-ins, tokens and templates; hosts, tasks, reservations and
placement have their own."""

from django.db import models

from scheduler_site.shared.audit import HistoryRow


class AdministrativeEvent(HistoryRow):
    subject = models.CharField(max_length=200, help_text="Such as “account ada”; it stays when the account is gone.")
    address = models.CharField(max_length=45, blank=True, help_text="Where the request came from.")

    class Meta(HistoryRow.Meta):
        indexes = [
            models.Index(fields=["subject", "id"], name="administrative_by_subject"),
            models.Index(fields=["verb", "address", "at"], name="administrative_by_address"),
        ]
