"""What agents know a restored database by."""

import pytest

from scheduler_site.shared.identity import identity_row
from tests.tasks.protocol import PaperHost


@pytest.mark.django_db
@pytest.mark.matrix(39)
def test_sessions_and_heartbeats_say_the_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler_site.shared.identity._generation", None)
    host = PaperHost()
    said = {host.open_session()["generation"], host.beat()["generation"]}
    assert said == {identity_row().generation}
