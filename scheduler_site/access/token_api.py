"""Tokens over REST, for admins: what there is, and an end to it. Made in the administration or by their users; nothing
here shows a token or its hash.
"""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents import enrolment
from agents.models import EnrolmentToken
from scheduler_site.access.tokens import revoke_token
from scheduler_site.models import ApiToken
from scheduler_site.shared.roles import Right

REFUSED = {403: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT}


class ApiTokenReply(serializers.ModelSerializer[ApiToken]):
    user = serializers.CharField(source="user.username", read_only=True)

    class Meta:
        model = ApiToken
        fields = ["id", "label", "user", "created_at", "last_used_at", "revoked_at"]
        read_only_fields = fields


class EnrolmentTokenReply(serializers.ModelSerializer[EnrolmentToken]):
    created_by = serializers.CharField(source="created_by.username", read_only=True, default=None, allow_null=True)

    class Meta:
        model = EnrolmentToken
        fields = ["id", "label", "created_by", "created_at", "expires_at", "uses_left"]
        read_only_fields = fields


@extend_schema_view(get=extend_schema(operation_id="api_tokens_list"))
class ApiTokens(generics.ListAPIView[ApiToken]):
    """API tokens, newest first, those that were revoked as well."""

    reads_need = Right.ADMINISTER
    serializer_class = ApiTokenReply
    filter_backends = []
    queryset = ApiToken.objects.select_related("user").order_by("-id")


@extend_schema_view(get=extend_schema(operation_id="enrolment_tokens_list"))
class EnrolmentTokens(generics.ListAPIView[EnrolmentToken]):
    """Enrolment tokens, newest first; one with no uses left lets no host in."""

    reads_need = Right.ADMINISTER
    serializer_class = EnrolmentTokenReply
    filter_backends = []
    queryset = EnrolmentToken.objects.select_related("created_by").order_by("-id")


class RevokeApiToken(APIView):
    writes_need = Right.ADMINISTER

    @extend_schema(operation_id="api_tokens_revoke", request=None, responses={200: ApiTokenReply, **REFUSED})
    def post(self, request: Request, pk: str) -> Response:
        """Refused from the next request on. Said twice, it changes nothing more."""
        row = found(ApiToken, pk)
        revoke_token(row)
        row.refresh_from_db()
        return Response(ApiTokenReply(row).data)


class RevokeEnrolmentToken(APIView):
    writes_need = Right.ADMINISTER

    @extend_schema(
        operation_id="enrolment_tokens_revoke", request=None, responses={200: EnrolmentTokenReply, **REFUSED}
    )
    def post(self, request: Request, pk: str) -> Response:
        """No further host is let in with it; those that were stay. Said twice, it changes nothing more."""
        row = found(EnrolmentToken, pk)
        enrolment.revoke(row)
        row.refresh_from_db()
        return Response(EnrolmentTokenReply(row).data)


def found(model: Any, pk: str) -> Any:
    row = model.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound(f"There is no {model._meta.verbose_name} {pk}.")
    return row
