"""AgentEvent: the history of a host."""

from django.db import models

from scheduler_site.shared.audit import HistoryRow


class AgentEvent(HistoryRow):
    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, related_name="events")

    class Meta(HistoryRow.Meta):
        indexes = [models.Index(fields=["agent", "id"], name="agent_event_by_agent")]
