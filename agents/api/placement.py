"""The site's rules of placement over REST: read by everyone, changed by staff. Pools are shown by the tasks app."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents import placement_rules
from agents.models import PlacementRules
from agents.states import PolicyName
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.roles import Right
from scheduler_site.shared.strict_fields import Whole, json_type
from scheduler_site.shared.strict_json import StrictJSONParser
from scheduler_site.shared.strict_serializers import RefuseUnknownFields


@extend_schema_field({"type": "number", "minimum": 0.1, "maximum": 8760, "example": 24})
class Hours(serializers.Field[float, Any, float, Any]):
    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            raise serializers.ValidationError(f"must be a number, not {json_type(data)}")
        try:
            return float(data)
        except OverflowError:
            raise serializers.ValidationError("is too large") from None

    def to_representation(self, value: Any) -> float:
        return float(value)


class RulesRequest(RefuseUnknownFields):
    policy = serializers.ChoiceField(choices=PolicyName.choices, required=False)
    ageing_hours = Hours(required=False)
    hold_after_seconds = Whole(*placement_rules.SECONDS["hold_after_seconds"], required=False)
    start_hold_seconds = Whole(*placement_rules.SECONDS["start_hold_seconds"], required=False)
    usage_half_life_hours = Hours(required=False)


class RulesReply(serializers.ModelSerializer[PlacementRules]):
    class Meta:
        model = PlacementRules
        fields = placement_rules.FIELDS
        read_only_fields = fields


class Placement(APIView):
    writes_need = Right.OPERATE
    parser_classes = [StrictJSONParser]

    @extend_schema(operation_id="placement_retrieve", responses=RulesReply)
    def get(self, request: Request) -> Response:
        """How hosts are chosen: the site's policy and its numbers."""
        return Response(RulesReply(PlacementRules.current()).data)

    @extend_schema(
        operation_id="placement_change",
        request=RulesRequest,
        responses={200: RulesReply, 400: OpenApiTypes.OBJECT, 403: OpenApiTypes.OBJECT},
    )
    def patch(self, request: Request) -> Response:
        """Change what is given; the next pass follows it. Staff only."""
        wishes = RulesRequest(data=request.data)
        wishes.is_valid(raise_exception=True)
        rules = placement_rules.change(wishes.validated_data, actor=Actor.user(request.user))
        return Response(RulesReply(rules).data)
