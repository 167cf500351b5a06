"""API tokens: make, find, revoke. The plain text is returned once and never stored."""

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from agents.credentials import hashed, new_secret
from scheduler_site.models import ApiToken
from scheduler_site.shared import statements
from scheduler_site.shared.administrative_history import record

USE_NOTED_EVERY = timedelta(minutes=1)


def create_token(user: Any, label: str) -> tuple[ApiToken, str]:
    plain = new_secret()
    return ApiToken.objects.create(user=user, label=label[:100], token_hash=hashed(plain)), plain


def find_token(plain: str) -> ApiToken | None:
    """The token if it is good: not revoked, its user active. Notes the use, at most once a minute."""
    row = statements.instance(ApiToken, {"token_hash": hashed(plain), "revoked_at": None})
    user = statements.instance(get_user_model(), {"pk": row.user_id}) if row is not None else None
    if row is None or user is None or not user.is_active:
        return None
    row.user = user
    _note_use(row)
    return row


def revoke_token(row: ApiToken) -> None:
    if ApiToken.objects.filter(pk=row.pk, revoked_at=None).update(revoked_at=timezone.now()):
        record("api_token_revoked", f"api token {row}")


def _note_use(row: ApiToken) -> None:
    now = timezone.now()
    if row.last_used_at is None or now - row.last_used_at > USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=now)
