"""Clients of the task pages. Rows come from tests.factories."""

from typing import Any

import pytest
from django.test import Client

from tests.factories import make_user


@pytest.fixture
def user(db: Any) -> Any:
    return make_user("ada", is_staff=True)


@pytest.fixture
def ada(user: Any) -> Client:
    """A client that is signed in as `user`."""
    client = Client()
    client.force_login(user)
    return client
