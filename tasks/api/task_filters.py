"""What the list of tasks can be narrowed by and ordered by. Also used to build the same list elsewhere."""

from typing import Any

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters

from scheduler_site.shared.strict_filters import IdsFilter, ManyOf, SteadyOrdering, WholeFilter
from tasks.models import Task
from tasks.states import TaskStatus

PRIORITIES = [(str(number), str(number)) for number in range(1, 6)]
ORDERS = ("id", "name", "priority", "status", "created_time", "start_time", "end_time", "execution_time")


class TaskFilter(filters.FilterSet):  # type: ignore[misc]
    id = IdsFilter(help_text="One id or several: 41,42.")
    id_min = WholeFilter(field_name="id", lookup_expr="gte")
    id_max = WholeFilter(field_name="id", lookup_expr="lte")
    status = ManyOf(choices=TaskStatus.choices, help_text="One status or several: running,waiting.")
    priority = ManyOf(choices=PRIORITIES, help_text="One priority or several: 1,2.")
    name = filters.CharFilter(lookup_expr="icontains", help_text="Part of the name.")
    template_type = filters.CharFilter(help_text="The whole word.")
    script = filters.CharFilter(
        field_name="script_content", lookup_expr="icontains", strip=False, help_text="Part of the script."
    )
    agent = filters.CharFilter(method="by_agent", help_text="Id or name of the host of the latest attempt.")
    submitted_by = filters.CharFilter(field_name="submitted_by__username", help_text="A user's name.")
    created_after = filters.IsoDateTimeFilter(field_name="created_time", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter(field_name="created_time", lookup_expr="lt")
    ended_after = filters.IsoDateTimeFilter(field_name="end_time", lookup_expr="gte")
    ended_before = filters.IsoDateTimeFilter(field_name="end_time", lookup_expr="lt")
    ordering = SteadyOrdering(
        fields=[(name, name) for name in ORDERS], help_text="Newest first if left out; a minus sign turns it round."
    )

    class Meta:
        model = Task
        fields: list[str] = []

    def by_agent(self, tasks: QuerySet[Task], _name: str, value: str) -> QuerySet[Any]:
        return tasks.filter(Q(agent_id=value) | Q(agent_name=value))
