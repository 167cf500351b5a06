"""PlacementEvent: the history of what operators decide for the whole site: rules, pools, resources of the site.

What they decide about one host is in that host's own history (AgentEvent).
"""

from django.db import models

from scheduler_site.shared.audit import HistoryRow


class PlacementEvent(HistoryRow):
    subject = models.CharField(max_length=120, help_text="Such as “pool fast”; it stays when the pool is deleted.")

    class Meta(HistoryRow.Meta):
        indexes = [models.Index(fields=["subject", "id"], name="placement_event_by_subject")]
