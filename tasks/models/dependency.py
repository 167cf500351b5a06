"""Dependency: one task starts after another one ended in a certain way."""

from django.db import models

from tasks.states import DependencyKind


class Dependency(models.Model):
    task = models.ForeignKey("tasks.Task", on_delete=models.PROTECT, related_name="dependencies")
    depends_on = models.ForeignKey("tasks.Task", on_delete=models.PROTECT, related_name="dependants")
    kind = models.CharField(max_length=10, choices=DependencyKind.choices, default=DependencyKind.AFTEROK)
    is_satisfied = models.BooleanField(default=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["task", "depends_on"], name="dependency_once"),
            models.CheckConstraint(condition=~models.Q(task=models.F("depends_on")), name="dependency_not_on_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.task_id} {self.kind} {self.depends_on_id}"
