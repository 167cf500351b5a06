"""Query parameters of lists. A name that no filter has is refused, so that a typing error never shows everything."""

from collections.abc import Collection, Iterable
from typing import Any

from django import forms
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from scheduler_site.shared.strict_fields import LARGEST_BIG_INTEGER

PAGING = ("page", "page_size")
MOST_IDS = 500


class StrictFilterBackend(filters.DjangoFilterBackend):
    """400 `{name: ["unknown parameter"]}`; wrong values are refused by the filters themselves."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        filterset = self.get_filterset_class(view, queryset)
        refuse_unknown(request.query_params, (*PAGING, *(filterset.base_filters if filterset else ())))
        found: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return found


def refuse_unknown(given: Iterable[str], known: Collection[str]) -> None:
    unknown = {name[:200]: ["unknown parameter"] for name in given if name not in known}
    if unknown:
        raise ValidationError(unknown)


class CommaSeparated(forms.SelectMultiple):
    """`?status=running,waiting` and `?status=running&status=waiting` mean the same."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        given = data.getlist(name) if hasattr(data, "getlist") else [data.get(name) or ""]
        return [part.strip() for text in given for part in str(text).split(",") if part.strip()]


class ManyOf(filters.MultipleChoiceFilter):
    """Any of several words."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=CommaSeparated, **options)


class IdsField(forms.Field):
    widget = CommaSeparated

    def to_python(self, value: Any) -> list[int]:
        parts = value or []
        if len(parts) > MOST_IDS:
            raise forms.ValidationError(f"At most {MOST_IDS} ids at once.")
        one = forms.IntegerField(min_value=0, max_value=LARGEST_BIG_INTEGER)
        return [one.clean(part) for part in parts]


@extend_schema_field({"type": "string", "pattern": r"^[0-9]+(,[0-9]+)*$", "example": "41,42"})
class IdsFilter(filters.BaseInFilter):
    field_class = IdsField

    def __init__(self, **options: Any) -> None:
        super(filters.BaseCSVFilter, self).__init__(lookup_expr="in", **options)


@extend_schema_field({"type": "integer"})
class WholeFilter(filters.NumberFilter):
    """An id as a bound: any whole number that a column can hold."""

    field_class = forms.IntegerField

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_value=LARGEST_BIG_INTEGER, **options)

    def get_max_validator(self) -> Any:
        """None: the field has its own."""


class SteadyOrdering(filters.OrderingFilter):
    """Rows that are equal by the wanted order come newest first, so that pages do not overlap."""

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        ordered: QuerySet[Any] = super().filter(qs, [*value, "-id"] if value else value)
        return ordered

    def get_ordering_value(self, param: str) -> Any:
        return param if param == "-id" else super().get_ordering_value(param)
