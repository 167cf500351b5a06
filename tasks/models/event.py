"""TaskEvent: the history of a task, one row for each change of state or of what it asks for."""

from django.db import models

from scheduler_site.shared.audit import HistoryRow


class TaskEvent(HistoryRow):
    task = models.ForeignKey("tasks.Task", on_delete=models.PROTECT, related_name="events")
    sub_agent = models.ForeignKey("tasks.SubAgent", null=True, on_delete=models.PROTECT, related_name="events")

    class Meta(HistoryRow.Meta):
        indexes = [models.Index(fields=["task", "id"], name="task_event_by_task")]
