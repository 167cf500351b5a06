"""The rules about addresses as this process knows them: read anew every few seconds, and at once when they change here.
Does not know what they mean.

Nobody is judged by rules that were never read, or that have changed since: who asks then waits for the read.
"""

import asyncio
import logging
import time
from typing import Any

from django.db import Error, connection

from agents import access_rules
from agents.signals import access_changed
from scheduler_site.shared import addresses

log = logging.getLogger(__name__)

READ_EVERY_SECONDS = 5.0


class RuleCache:
    def __init__(self) -> None:
        self._rules: list[addresses.Rule] | None = None
        self._read_at = float("-inf")
        self._changes = self._changes_read = 0
        self._reading: asyncio.Task[None] | None = None
        access_changed.connect(self._changed)

    async def rules(self) -> list[addresses.Rule] | None:
        """None while the database has never answered. Whoever comes while they are only due to be read again uses
        what is known."""
        if self.known() is None and not (self._reading and self._is_current()):
            await self._read_by_one()
            while self._rules is not None and not self._is_current():
                await self._read_by_one()
        return self._rules

    def known(self) -> list[addresses.Rule] | None:
        """None when it is time to read them anew."""
        is_fresh = time.monotonic() - self._read_at <= READ_EVERY_SECONDS
        return self._rules if is_fresh and self._is_current() else None

    def _is_current(self) -> bool:
        """Whether nobody has changed them since they were read."""
        return self._rules is not None and self._changes == self._changes_read

    def _changed(self, **_more: Any) -> None:
        """From any thread."""
        self._changes += 1

    async def _read_by_one(self) -> None:
        """For all who wait: whoever asked first may go away."""
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._read())
        await asyncio.shield(self._reading)

    async def _read(self) -> None:
        """What is known stays while the database does not answer."""
        changes = self._changes
        try:
            found = await asyncio.to_thread(_rules_of_the_database)
        finally:
            self._reading = None
        self._rules = self._rules if found is None else found
        self._changes_read, self._read_at = changes, time.monotonic()


def _rules_of_the_database() -> list[addresses.Rule] | None:
    try:
        return access_rules.rules()
    except Error as error:
        log.warning("access_rules_not_read reason=%r", str(error))
        return None
    finally:
        if not connection.in_atomic_block:
            connection.close()
