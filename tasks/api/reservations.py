"""Reservations over REST: list, make, read, put off the end, give back. The rules are in tasks.reserving."""

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

from scheduler_site.shared.actors import Actor
from scheduler_site.shared.roles import Right
from scheduler_site.shared.strict_filters import ManyOf, StrictFilterBackend
from scheduler_site.shared.strict_json import StrictJSONParser
from tasks.api.reservation_shapes import (
    ReleaseRequest,
    ReservationCreateRequest,
    ReservationEditRequest,
    ReservationEventReply,
    ReservationReply,
    replies,
    reply,
)
from tasks.models import Reservation, ReservationEvent
from tasks.permissions import may_change
from tasks.reserving import reservation_querysets, reservations
from tasks.states import ReservationState

BAD = OpenApiResponse(OpenApiTypes.OBJECT, 'A field is wrong: `{"field": ["sentence"]}`.')
CONFLICT = OpenApiResponse(OpenApiTypes.OBJECT, "The reservation has ended already.")
YES_NO = [("true", "true"), ("false", "false")]
REFUSALS = {400: BAD, 403: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT, 409: CONFLICT}


class ReservationFilter(filters.FilterSet):  # type: ignore[misc]
    state = ManyOf(choices=ReservationState.choices, help_text="One state or several: pending,active.")
    host = filters.CharFilter(field_name="agent__name", help_text="Name of the host that it got.")
    mine = filters.ChoiceFilter(method="by_owner", choices=YES_NO, help_text="true: only your own.")

    class Meta:
        model = Reservation
        fields: list[str] = []

    def by_owner(self, rows: QuerySet[Reservation], _name: str, value: str) -> QuerySet[Any]:
        return rows.filter(submitted_by=self.request.user) if value == "true" else rows


@extend_schema_view(
    list=extend_schema(operation_id="reservations_list", responses={200: ReservationReply(many=True), 400: BAD})
)
class ReservationViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Any]):
    writes_need = Right.SUBMIT
    queryset = Reservation.objects.none()
    serializer_class = ReservationReply
    parser_classes = [StrictJSONParser]
    filter_backends = [StrictFilterBackend]
    filterset_class = ReservationFilter
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Reservation]:
        return reservation_querysets.for_lists()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Reservations, newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(replies(page or []))

    @extend_schema(request=ReservationCreateRequest, responses={201: ReservationReply, 400: BAD})
    def create(self, request: Request) -> Response:
        """Reserve. It is pending until a host has room, then active until its end."""
        fields = _checked(ReservationCreateRequest(data=request.data))
        row = reservations.create(fields, actor=Actor.user(request.user), user=request.user)
        return Response(reply(row.pk), status=201, headers={"Location": f"/api/reservations/{row.pk}/"})

    @extend_schema(responses={200: ReservationReply, 404: OpenApiTypes.OBJECT})
    def retrieve(self, request: Request, pk: str) -> Response:
        """One reservation."""
        return Response(reply(self._row(pk).pk))

    @extend_schema(request=ReservationEditRequest, responses={200: ReservationReply, **REFUSALS})
    def partial_update(self, request: Request, pk: str) -> Response:
        """Put the end off, or have it earlier."""
        row = self._row_to_change(pk)
        until = _checked(ReservationEditRequest(data=request.data))["until"]
        reservations.extend(row.pk, until, actor=Actor.user(request.user))
        return Response(reply(row.pk))

    @extend_schema(
        operation_id="reservations_release", request=ReleaseRequest, responses={200: ReservationReply, **REFUSALS}
    )
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        """Give back what it holds, or withdraw it while it is pending. What runs inside goes on."""
        row = self._row_to_change(pk)
        wishes = _checked(ReleaseRequest(data=request.data))
        reservations.release(row.pk, actor=Actor.user(request.user), **wishes)
        return Response(reply(row.pk))

    @extend_schema(operation_id="reservations_events", filters=False, responses={200: ReservationEventReply(many=True)})
    @action(detail=True)
    def events(self, request: Request, pk: str) -> Response:
        """The history of the reservation, oldest first."""
        history = ReservationEvent.objects.filter(reservation=self._row(pk)).order_by("id")
        return self.get_paginated_response(ReservationEventReply(self.paginate_queryset(history), many=True).data)

    def _row(self, pk: str) -> Reservation:
        row = Reservation.objects.filter(pk=int(pk)).first()
        if row is None:
            raise NotFound(f"There is no reservation {pk}.")
        return row

    def _row_to_change(self, pk: str) -> Reservation:
        row = self._row(pk)
        if not may_change(self.request.user, row):
            raise PermissionDenied("Only whoever made a reservation, and staff, can change it.")
        return row


def _checked(serializer: serializers.Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
