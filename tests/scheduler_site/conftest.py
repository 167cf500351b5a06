"""The live socket of somebody who is signed in, opened."""

from collections.abc import AsyncIterator

import pytest
from channels.testing import WebsocketCommunicator

from tests.scheduler_site.sockets import connection, cookie_of_somebody


@pytest.fixture
def cookie() -> str:
    return cookie_of_somebody()


@pytest.fixture
async def socket(cookie: str) -> AsyncIterator[WebsocketCommunicator]:
    opened = connection(cookie)
    is_open, _ = await opened.connect()
    assert is_open
    hello = await opened.receive_json_from()
    assert hello["kind"] == "hello"
    assert hello["server_time"]
    yield opened
    await opened.disconnect()
