"""nightshift host."""

import pytest

from tests.agent_client.cli.conftest import Nightshift
from tests.agent_client.cli.fake_api import FakeApi


@pytest.fixture
def api(connected: FakeApi) -> FakeApi:
    connected.agents = [{"id": "a-1", "name": "gpu-1", "status": "online", "cpu_cores": 4}]
    return connected


@pytest.mark.parametrize(
    ("words", "path", "body"),
    [
        (("drain", "gpu-1", "--reason", "new disk"), "drain", {"reason": "new disk"}),
        (("stop", "a-1"), "stop", {"reason": "", "scripts": "leave"}),
        (("stop", "gpu-1", "--kill"), "stop", {"reason": "", "scripts": "kill"}),
        (("stop", "gpu-1", "--drain"), "stop", {"reason": "", "scripts": "drain"}),
        (("remove", "gpu-1"), "remove", {"reason": ""}),
        (("rotate-secret", "gpu-1", "--reason", "yearly"), "rotate-secret", {"reason": "yearly"}),
        (("release", "gpu-1", "--task", "41"), "release", {"reason": "", "task": 41}),
    ],
)
def test_each_verb(api: FakeApi, nightshift: Nightshift, words: tuple[str, ...], path: str, body: object) -> None:
    result = nightshift("host", *words)
    assert (result.status, result.out.startswith("gpu-1 ")) == (0, True)
    assert [call.body for call in api.called("POST", f"/api/agents/a-1/{path}/")] == [body]


def test_a_name_cannot_command_the_terminal(api: FakeApi, nightshift: Nightshift) -> None:
    api.agents[0]["name"] = "gpu\x1b[2J\n-1"
    result = nightshift("host", "pause", "a-1")
    assert result.out == "gpu [2J -1 gets no new work; what runs there goes on\n"


def test_a_host_that_is_not_known_is_named(api: FakeApi, nightshift: Nightshift) -> None:
    result = nightshift("host", "drain", "gpu-9")
    assert (result.status, "there is no host 'gpu-9'" in result.err) == (2, True)


@pytest.mark.parametrize("words", [("release", "gpu-1"), ("drain", "gpu-1", "--task", "41")])
def test_release_names_the_task_and_nothing_else_does(
    api: FakeApi, nightshift: Nightshift, words: tuple[str, ...]
) -> None:
    assert nightshift("host", *words).status == 2
    assert not api.calls


def test_a_choice_about_scripts_goes_with_stop_only(api: FakeApi, nightshift: Nightshift) -> None:
    assert nightshift("host", "drain", "gpu-1", "--kill").status == 2
    assert not api.calls
