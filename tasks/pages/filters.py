"""The filters of the task list, read from the query string. Wrong values are ignored, not errors: a link must open."""

from dataclasses import dataclass, fields
from typing import Any

from django.db.models import Q, QuerySet
from django.http import QueryDict

from tasks.models import Task
from tasks.states import TaskStatus


@dataclass(frozen=True)
class ListFilter:
    """Empty values do not filter. `text` finds a part of the name, an id (41 or #41) or a host."""

    statuses: tuple[str, ...] = ()
    text: str = ""
    template_type: str = ""
    script: str = ""

    @classmethod
    def read(cls, query: QueryDict) -> "ListFilter":
        given = [word for value in query.getlist("status") for word in value.split(",")]
        return cls(
            statuses=tuple(status for status in TaskStatus.values if status in given),
            text=query.get("name", "").strip(),
            template_type=query.get("template_type", "").strip(),
            script=query.get("script", ""),
        )

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    def apply(self, tasks: QuerySet[Task]) -> QuerySet[Task]:
        tasks = self.apply_but_status(tasks)
        return tasks.filter(status__in=self.statuses) if self.statuses else tasks

    def apply_but_status(self, tasks: QuerySet[Task]) -> QuerySet[Task]:
        """For the numbers on the status chips, which must not change when a chip is switched."""
        if self.text:
            tasks = tasks.filter(_about(self.text))
        if self.template_type:
            tasks = tasks.filter(template_type=self.template_type)
        if self.script:
            tasks = tasks.filter(script_content__icontains=self.script)
        return tasks

    def query(self) -> str:
        """The query string that reads back as this filter; "" or ending in "&" so that `page=` may follow."""
        query = QueryDict(mutable=True)
        query.setlist("status", list(self.statuses))
        for name, value in self._texts():
            if value:
                query[name] = value
        return f"{query.urlencode()}&" if query else ""

    def chips(self) -> list[dict[str, Any]]:
        """Each active filter in words, with the query string that is left when it is taken away."""
        return [
            {"words": f"{label} “{value}”", "without": self._without(name)} for name, label, value in self._labels()
        ]

    def _texts(self) -> list[tuple[str, str]]:
        return [("name", self.text), ("template_type", self.template_type), ("script", self.script)]

    def _labels(self) -> list[tuple[str, str, str]]:
        labels = {"name": "name, id or host", "template_type": "template type", "script": "script has"}
        statuses = [("status", "status", ", ".join(self.statuses))] if self.statuses else []
        return statuses + [(name, labels[name], value) for name, value in self._texts() if value]

    def _without(self, name: str) -> str:
        query = QueryDict(self.query().rstrip("&"), mutable=True)
        query.pop(name, None)
        return query.urlencode()


def _about(text: str) -> Q:
    found = Q(name__icontains=text) | Q(agent_name__icontains=text)
    number = text.removeprefix("#")
    return found | Q(pk=int(number)) if number.isascii() and number.isdigit() and len(number) < 19 else found
