"""DRF authentication of people's programs: `Authorization: Bearer <token>`. Agents have their own classes."""

from typing import Any

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from scheduler_site.access.tokens import find_token


class ApiTokenAuthentication(BaseAuthentication):
    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """None without a Bearer header: the session may still say who it is."""
        scheme, _, plain = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != self.keyword.lower():
            return None
        token = find_token(plain.strip())
        if token is None:
            raise AuthenticationFailed("This API token is unknown or was revoked.")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return self.keyword
