"""Without PostgreSQL's server programs its tests are skipped in so many words, and in CI that fails."""

import pytest

from tests import postgres


@pytest.fixture(autouse=True)
def no_server_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "PG_CTL", None)


def test_on_a_machine_without_it_they_are_skipped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CI", raising=False)
    assert postgres.main([]) == 0
    assert capsys.readouterr().err == postgres.NO_POSTGRESQL + "\n"


def test_a_gate_without_it_fails_and_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI", "true")
    assert postgres.main([]) == 1
    assert "apt-get install postgresql" in capsys.readouterr().err
