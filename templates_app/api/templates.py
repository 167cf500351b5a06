"""Templates over REST: list, create, detail, edit, versions. Nothing is deleted: a template is archived instead."""

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from scheduler_site.shared.roles import Right
from scheduler_site.shared.strict_filters import SteadyOrdering, StrictFilterBackend
from scheduler_site.shared.strict_json import StrictJSONParser
from templates_app import editing
from templates_app.api.template_reply import TemplateReply, VersionReply
from templates_app.api.template_request import TemplateCreateRequest, TemplateEditRequest, parted
from templates_app.models import ScriptTemplate
from templates_app.permissions import may_change

BAD = OpenApiResponse(OpenApiTypes.OBJECT, 'A field is wrong: `{"field": ["sentence"]}`.')


class TemplateFilter(filters.FilterSet):  # type: ignore[misc]
    name = filters.CharFilter(lookup_expr="icontains", help_text="Part of the name.")
    script = filters.CharFilter(
        field_name="current_version__script_content",
        lookup_expr="icontains",
        strip=False,
        help_text="Part of the script.",
    )
    is_archived = filters.BooleanFilter()
    ordering = SteadyOrdering(fields=[(name, name) for name in ("name", "created_at", "updated_at")])

    class Meta:
        model = ScriptTemplate
        fields: list[str] = []


@extend_schema_view(
    list=extend_schema(operation_id="templates_list", responses={200: TemplateReply(many=True), 400: BAD})
)
class TemplateViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Any]):
    """Templates by name; archived ones too, unless `is_archived=false`."""

    writes_need = Right.SUBMIT
    queryset = ScriptTemplate.objects.none()
    serializer_class = TemplateReply
    parser_classes = [StrictJSONParser]
    filter_backends = [StrictFilterBackend]
    filterset_class = TemplateFilter
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[ScriptTemplate]:
        return ScriptTemplate.objects.select_related("current_version")

    @extend_schema(request=TemplateCreateRequest, responses={201: TemplateReply, 400: BAD})
    def create(self, request: Request) -> Response:
        """Make a template; this is its version 1."""
        facts, version = parted(_checked(TemplateCreateRequest(data=request.data)))
        template = editing.create(str(facts["name"]), str(facts["description"]), version, request.user)
        location = f"/api/templates/{template.pk}/"
        return Response(TemplateReply(template).data, status=201, headers={"Location": location})

    @extend_schema(responses={200: TemplateReply, 404: OpenApiTypes.OBJECT})
    def retrieve(self, request: Request, pk: str) -> Response:
        """One template with its current version."""
        return Response(TemplateReply(self._template(pk)).data)

    @extend_schema(request=TemplateEditRequest, responses={200: TemplateReply, 400: BAD, 403: OpenApiTypes.OBJECT})
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a template. A changed script or default becomes the next version; tasks keep the one they used."""
        template = self._template(pk)
        if not may_change(request.user, template):
            raise PermissionDenied("Only whoever made a template, and staff, can change it.")
        facts, version = parted(_checked(TemplateEditRequest(data=request.data)))
        editing.edit(template, facts=facts, version=version, user=request.user)
        return Response(TemplateReply(self._template(pk)).data)

    @extend_schema(operation_id="templates_versions", filters=False, responses=VersionReply(many=True))
    @action(detail=True)
    def versions(self, request: Request, pk: str) -> Response:
        """Every version, newest first."""
        page = self.paginate_queryset(self._template(pk).versions.select_related("created_by").order_by("-number"))
        return self.get_paginated_response(VersionReply(page, many=True).data)

    def _template(self, pk: str) -> ScriptTemplate:
        template = self.get_queryset().filter(pk=int(pk)).first()
        if template is None:
            raise NotFound(f"There is no template {pk}.")
        return template


def _checked(serializer: serializers.Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
