"""What every agent endpoint refuses, and how: always JSON with a code of ours, the right status, never a 500."""

import json
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from agents import administration
from agents.models import Agent, Gpu
from scheduler_site.shared.actors import SYSTEM
from tasks import lifecycle
from tasks.models import SubAgent
from tasks.scheduling.run import run_pass
from tests.factories import make_task
from tests.tasks.protocol import PaperHost

pytestmark = pytest.mark.django_db

NOBODY = "00000000-0000-0000-0000-000000000000"
CALLS = [
    "session",
    "heartbeat",
    "report",
    f"sub-agents/{NOBODY}/claim",
    f"sub-agents/{NOBODY}/log",
    "register",
    "claims",
]


@pytest.fixture
def host() -> PaperHost:
    return PaperHost()


def assigned(host: PaperHost) -> dict[str, Any]:
    make_task()
    run_pass()
    (assignment,) = host.beat()["assignments"]
    return assignment


def posted(path: str, body: bytes, credential: str = "", **headers: str) -> tuple[int, dict[str, Any]]:
    response = Client().post(
        f"/agent/v1/{path}",
        body,
        content_type="application/json",
        headers={**({"Authorization": credential} if credential else {}), **headers},
    )
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["X-Instance"]
    return response.status_code, response.json()


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize("credential", ["", "Bearer x", "Agent x:y", f"Agent {NOBODY}:x", "Enrolment x", "Token é"])
def test_without_a_right_credential(db: None, path: str, credential: str) -> None:
    status, body = posted(path, b"{}", credential)
    assert (status, body["code"]) == (401, "unauthorized")
    assert body["detail"]


def test_a_persons_session_opens_nothing(admin_client: Client) -> None:
    response = admin_client.post("/agent/v1/heartbeat", b"{}", content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")


@pytest.mark.parametrize("path", ["session", "heartbeat", "report"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"epoch": "x"}', b"[" * 100_000, b'{"entries": {}}'])
def test_a_body_that_is_no_message(host: PaperHost, path: str, body: bytes) -> None:
    status, reply = posted(path, body, host.credential)
    assert (status, reply["code"]) == (400, "bad_message")
    assert reply["detail"]


def test_a_wrong_field_is_named(host: PaperHost) -> None:
    reply = host.post("heartbeat", {"epoch": host.epoch, "seq": 9, "resources": {"memory_mib": -1}})
    assert host.status == 400
    assert "$.resources.memory_mib" in reply["detail"]


def test_another_verb(host: PaperHost) -> None:
    response = Client().get("/agent/v1/heartbeat", headers={"Authorization": host.credential})
    assert (response.status_code, response.json()["code"]) == (405, "refused")


@pytest.mark.parametrize(("low", "high"), [(2, 3), (0, 0)])
def test_no_version_in_common(host: PaperHost, low: int, high: int) -> None:
    reply = host.open_session(proto={"min": low, "max": high})
    assert (host.status, reply["code"]) == (426, "version_too_old")


def test_a_newer_agent_speaks_what_we_speak(host: PaperHost) -> None:
    assert host.open_session(proto={"min": 1, "max": 9})["proto"] == 1


def test_another_hosts_sub_agent_does_not_exist_here(host: PaperHost) -> None:
    assignment = assigned(host)
    other = PaperHost("other")
    assert other.claim(assignment)["code"] == "unknown_sub_agent"
    assert other.status == 404
    assert host.claim({**assignment, "fence": assignment["fence"] + 1})["code"] == "unknown_sub_agent"


def test_a_host_that_was_paused_gets_no_claim_but_repeats_one(host: PaperHost) -> None:
    first, second = assigned(host), None
    grant = host.claim(first)
    make_task()
    run_pass()
    (second,) = host.beat()["assignments"]
    administration.pause(Agent.objects.get(), actor=SYSTEM)
    assert host.claim(second)["code"] == "sub_agent_closed"
    assert host.status == 410
    assert host.claim(first)["sub_agent_token"] == grant["sub_agent_token"]


@pytest.mark.parametrize(("path", "state"), [("reject", "rejected"), ("not-started", "not_started")])
def test_giving_back_at_the_same_moment_twice(
    host: PaperHost, monkeypatch: pytest.MonkeyPatch, path: str, state: str
) -> None:
    assignment = assigned(host)
    if path == "not-started":
        host.claim(assignment)
    original = lifecycle.give_back

    def second_after_the_first(sub_agent: SubAgent, *arguments: Any, **more: Any) -> None:
        original(SubAgent.objects.get(pk=sub_agent.pk), *arguments, **more)
        original(sub_agent, *arguments, **more)

    monkeypatch.setattr(lifecycle, "give_back", second_after_the_first)
    body = {"fence": assignment["fence"], "reason": "x", "detail": "y"}
    assert host.post(f"sub-agents/{assignment['sub_agent_id']}/{path}", body) == {"state": state}


def test_giving_back_after_a_cancel_says_what_it_is(host: PaperHost) -> None:
    assignment = assigned(host)
    lifecycle.cancel(assignment["task_id"], actor=SYSTEM)
    path = f"sub-agents/{assignment['sub_agent_id']}/reject"
    assert host.post(path, {"fence": assignment["fence"]}) == {"state": "revoked"}


def test_what_runs_cannot_be_given_back(host: PaperHost) -> None:
    assignment = assigned(host)
    host.report(host.claim(assignment), started={"pid": 1})
    for path in ("reject", "not-started"):
        reply = host.post(f"sub-agents/{assignment['sub_agent_id']}/{path}", {"fence": assignment["fence"]})
        assert (host.status, reply["code"], reply["state"]) == (410, "sub_agent_closed", "running")


@pytest.mark.parametrize(
    ("query", "crc32", "word"),
    [
        ("stream=out&offset=-1", "0", "offset"),
        ("stream=out&offset=1e3", "0", "offset"),
        ("stream=out&offset=²", "0", "offset"),
        ("stream=out&offset=9999999999999999999999", "0", "offset"),
        ("stream=log&offset=0", "0", "stream"),
        ("stream=out&offset=0", "", "X-CRC32"),
    ],
)
def test_larger_output_with_wrong_words(host: PaperHost, query: str, crc32: str, word: str) -> None:
    grant = host.claim(assigned(host))
    credential = f"SubAgent {grant['sub_agent_id']}:{grant['sub_agent_token']}"
    status, body = posted(f"sub-agents/{grant['sub_agent_id']}/log?{query}", b"", credential, **{"X-CRC32": crc32})
    assert (status, body["code"]) == (400, "bad_message")
    assert word in body["detail"]


def test_larger_output_out_of_place(host: PaperHost) -> None:
    grant = host.claim(assigned(host))
    credential = f"SubAgent {grant['sub_agent_id']}:{grant['sub_agent_token']}"
    path = f"sub-agents/{grant['sub_agent_id']}/log"
    status, body = posted(f"{path}?stream=out&offset=5", b"", credential, **{"X-CRC32": "0"})
    assert (status, body["code"], body["stored"]) == (409, "gap", 0)
    status, body = posted(f"{path}?stream=out&offset=0", b"abc", credential, **{"X-CRC32": "1"})
    assert (status, body["code"]) == (422, "crc_mismatch")
    large = b"x" * ((4 << 20) + 1)
    status, body = posted(f"{path}?stream=out&offset=0", large, credential, **{"X-CRC32": "1"})
    assert (status, body["code"]) == (413, "too_large")
    status, body = posted(f"sub-agents/{NOBODY}/log?stream=out&offset=0", b"", credential, **{"X-CRC32": "0"})
    assert (status, body["code"]) == (400, "bad_message")


def test_a_database_that_is_locked_too_long_is_try_again(host: PaperHost, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_arguments: Any, **_more: Any) -> None:
        raise OperationalError("database is locked")

    assignment = assigned(host)
    monkeypatch.setattr(lifecycle, "claim", locked)
    assert host.claim(assignment)["code"] == "busy"
    assert host.status == 503


def test_a_card_named_twice_counts_once(host: PaperHost) -> None:
    card = {"index": 0, "uuid": "GPU-1", "name": "A100", "memory_mib": 40960}
    host.resources = {**host.resources, "gpu_state": "ready", "gpus": [card, {**card, "index": 1}]}
    host.open_session()
    assert host.status == 200
    assert list(Gpu.objects.values_list("index", "uuid")) == [(0, "GPU-1")]
    host.beat()
    assert host.status == 200


def test_a_report_reads_no_scripts(host: PaperHost, django_assert_max_num_queries: Any) -> None:
    grant = host.claim(assigned(host))
    host.report(grant, started={"pid": 1})
    with django_assert_max_num_queries(5) as captured:
        host.report(grant, usage={"cpu_percent": 5.0})
    assert not any("script_content" in query["sql"] for query in captured.captured_queries)


@pytest.mark.parametrize("path", ["nowhere", "session/", "sub-agents/1/claim", "report/%0Amore"])
def test_a_call_that_does_not_exist(path: str) -> None:
    status, body = posted(path, b"{}")
    assert (status, body["code"]) == (404, "unknown_call")


def test_unknown_words_are_ignored(host: PaperHost) -> None:
    body = {"epoch": host.epoch, "seq": 5, "resources": {**host.resources, "quantum": 1}, "mood": "good"}
    assert json.dumps(host.post("heartbeat", body)["assignments"]) == "[]"
