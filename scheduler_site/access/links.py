"""Sign-in links: make one, redeem one. A link belongs to its first browser and ends when another one tries it."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from agents.credentials import hashed, new_secret
from scheduler_site.access.owner import owner
from scheduler_site.models import SignInLink
from scheduler_site.shared.administrative_history import record


def create_link(base_url: str) -> str:
    """A new link for the owner, good for 24 hours."""
    now = timezone.now()
    SignInLink.objects.filter(expires_at__lt=now).delete()
    plain = new_secret()
    expires_at = now + timedelta(hours=settings.SIGN_IN_LINK_HOURS)
    SignInLink.objects.create(user=owner(), token_hash=hashed(plain), expires_at=expires_at)
    return f"{base_url}/enter/{plain}"


def redeem(plain: str, browser: str) -> Any | None:
    """The user whom this link signs in from this browser, or None. `browser` is the secret in the browser's cookie."""
    good = SignInLink.objects.filter(token_hash=hashed(plain), ended_at=None, expires_at__gt=timezone.now())
    link = good.select_related("user").first()
    if link is None or not link.user.is_active:
        return None
    browser_hash = hashed(browser)
    is_first = good.filter(browser_hash="").update(browser_hash=browser_hash) == 1
    if is_first or good.filter(browser_hash=browser_hash).exists():
        return link.user
    if good.update(ended_at=timezone.now()):
        record("sign_in_link_ended", f"sign in link of {link.user}", reason="another browser tried it")
    return None
