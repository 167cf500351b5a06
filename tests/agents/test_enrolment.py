"""Enrolment: tokens that are spent, expire and are never stored in clear; names that are free and readable."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.credentials import hashed
from agents.enrolment import create_token, find_token, free_name, register
from agents.models import Agent, EnrolmentToken
from tests.factories import make_agent

pytestmark = pytest.mark.django_db


def registered(token: EnrolmentToken, name: str = "box") -> tuple[Agent, str] | None:
    return register(token, name=name, hostname=name, machine_id="m", agent_version="1")


def test_a_token_is_good_for_its_uses() -> None:
    token, plain = create_token("lab", uses=2)
    assert plain not in (token.token_hash, token.label)
    assert [registered(token) is not None for _ in range(3)] == [True, True, False]
    assert find_token(plain) is None
    assert [agent.name for agent in Agent.objects.all()] == ["box", "box-2"]


def test_a_token_that_was_spent_meanwhile_makes_no_host() -> None:
    _, plain = create_token("lab")
    first, second = find_token(plain), find_token(plain)
    assert first is not None
    assert second is not None
    assert registered(first) is not None
    assert registered(second) is None
    assert Agent.objects.count() == 1


def test_an_expired_or_unknown_token_is_none() -> None:
    token, plain = create_token("lab", hours=1)
    assert find_token(plain) == token
    EnrolmentToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert find_token(plain) is None
    assert registered(token) is None
    assert find_token("é") is None


def test_the_secret_is_stored_hashed_and_the_history_knows_the_token() -> None:
    token, _ = create_token("lab")
    found = registered(token)
    assert found is not None
    agent, secret = found
    assert agent.secret_hash == hashed(secret)
    assert secret not in str(Agent.objects.values().get())
    assert "lab" in agent.events.get().reason


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("box", "box"),
        ("  a\tb\n", "a b"),
        ("a\0b", "a b"),
        ("\n", "host"),
        ("x" * 300, "x" * 110),
        ("rechnér", "rechnér"),
    ],
)
def test_names_are_one_readable_line(wanted: str, name: str) -> None:
    assert free_name(wanted) == name


def test_a_taken_name_gets_the_first_free_number() -> None:
    for name in ("box", "box-2", "box-4", "box-home"):
        make_agent(name)
    assert free_name("box") == "box-3"
