"""Sessions of people in the database, as Django's own, read without building a query: pages that follow a script ask
every second. Nothing is believed longer than for one request, so that signing out, closing an account and expiry act at
once. Writing, signing and throwing away are Django's own.
"""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.sessions.backends import db
from django.utils import timezone

from scheduler_site.shared import statements


class SessionStore(db.SessionStore):
    def _get_session_from_db(self) -> Any:
        row = statements.instance(self.get_model_class(), {"pk": self.session_key})
        if row is None or row.expire_date <= timezone.now():
            self._session_key = None
            return None
        return row


class Accounts(ModelBackend):
    """Signs in by password, and knows whose session it is."""

    def get_user(self, user_id: int) -> Any:
        """None for an account that is closed."""
        user = statements.instance(get_user_model(), {"pk": user_id})
        return user if user is not None and self.user_can_authenticate(user) else None
