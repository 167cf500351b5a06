"""An authentication backend that signs nobody in: after too many wrong passwords it ends an attempt before it is tried.

Counts the failures that the administrative history holds anyway, so all processes of a server and restarts count alike.
The answer is the same as to a wrong password: whether an account exists, or is being guessed at, is not told.
"""

import logging
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils import timezone

from scheduler_site.access.acts import FAILED, REFUSED, account
from scheduler_site.models import AdministrativeEvent
from scheduler_site.shared.acting import current_address

log = logging.getLogger(__name__)


class SignInThrottle:
    """By account and address together: who guesses elsewhere does not lock out the account's owner."""

    def authenticate(self, request: HttpRequest | None, username: Any = None, **_credentials: Any) -> None:
        since = timezone.now() - timedelta(seconds=settings.SIGN_IN_WINDOW_SECONDS)
        recent = AdministrativeEvent.objects.filter(verb=FAILED, address=current_address(), at__gte=since)
        guesses = recent.filter(subject=account(username)[:200])
        if guesses.count() >= settings.SIGN_IN_FAILURES or recent.count() >= settings.SIGN_IN_ADDRESS_FAILURES:
            log.warning("sign_in_refused subject=%r address=%s", account(username)[:200], current_address())
            if request is not None:
                setattr(request, REFUSED, True)
            raise PermissionDenied
