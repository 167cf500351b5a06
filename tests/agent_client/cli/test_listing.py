"""nightshift ls, show, hosts, templates: what people and programs see."""

import json
import re

from agent_client.cli.hosts import tree
from tests.agent_client.cli.conftest import Nightshift
from tests.agent_client.cli.fake_api import FakeApi

EVIL = "evil\x1b]0;title\x07\nname"


def test_bare_command_is_the_list(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.add_task(name="prep", status="completed", execution_time=61.0, agent_name="box")
    connected.add_task(name="训练", waiting_sentence="waits for 2 GPUs")
    result = nightshift()
    lines = result.out.splitlines()
    assert lines[0].split() == ["ID", "NAME", "STATUS", "PRIO", "HOST", "CREATED", "DURATION"]
    assert re.fullmatch(r"2   训练  waiting    3           2026-08-2\d \d\d:\d\d            waits for 2 GPUs", lines[1])
    assert "1m01s" in lines[2]
    assert nightshift("ls").out == result.out


def test_filters_reach_the_server(connected: FakeApi, nightshift: Nightshift) -> None:
    words = "ls -s running,waiting -n prep --template t --script import --limit 5"
    nightshift(*words.split(), "--created-after", "2026-01-01T00:00Z")
    query = connected.called("GET", "/api/tasks/")[0].query
    assert query.pop("created_after").startswith(("2026-01-01", "2025-12-31"))
    assert query == {
        "status": "running,waiting",
        "name": "prep",
        "template_type": "t",
        "script": "import",
        "page": "1",
        "page_size": "5",
    }


def test_limit_and_all(connected: FakeApi, nightshift: Nightshift) -> None:
    for _ in range(120):
        connected.add_task()
    limited = nightshift("ls", "--limit", "7")
    assert len(limited.out.splitlines()) == 8
    assert "7 of 120 tasks" in limited.err
    everything = json.loads(nightshift("ls", "-a", "--json").out)
    assert [task["id"] for task in everything] == list(range(120, 0, -1))


def test_no_task_is_no_error(connected: FakeApi, nightshift: Nightshift) -> None:
    assert nightshift("ls") == (0, "", "nightshift: no task\n")
    assert nightshift("ls", "--json") == (0, "[]\n", "")


def test_names_cannot_command_the_terminal(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.add_task(name=EVIL, status="failed", end_sentence=EVIL, description=EVIL, metadata={EVIL: EVIL})
    for words in (("ls",), ("show", "1"), ("ls", "--json"), ("show", "1", "--json")):
        out = nightshift(*words).out
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", out)
    assert len(nightshift("ls").out.splitlines()) == 2


def test_server_texts_in_errors_cannot_either(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.answers.append((400, {"detail": EVIL}))
    assert nightshift("ls").err == "nightshift: evil ]0;title name\n"


def test_show_tells_how_it_went(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.add_task(
        name="train",
        status="failed",
        end_sentence="exit code 3",
        exit_code=3,
        gpu_count=2,
        gpu_memory=16384,
        memory_mib=32768,
        cpu_cores=0.5,
        depends_on=[{"id": 7, "kind": "afterok", "status": "completed"}],
        agent_name="box",
        gpu_indexes=[0, 3],
        attempt_no=2,
        retries=3,
        retries_used=1,
        retry_on=["script", "oom"],
        retry_exit_codes=[75],
        avoid_hosts=["box-2"],
        grown={"gpu_memory": 12288, "gpu_share": False},
        result={"loss": 0.5},
        metadata={"run": "7"},
        log_size=12,
    )
    shown = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in nightshift("show", "last").out.splitlines())
    assert shown["task"] == "#1 train"
    assert shown["end"] == "exit code 3"
    assert shown["resources"] == "0.5 CPU cores, 32 GiB, 2 GPUs with 16 GiB"
    assert shown["depends on"] == "#7 (afterok, completed)"
    assert shown["GPUs"] == "0, 3"
    assert shown["attempt"] == "2, 1 of 3 retries used"
    assert shown["retries"] == "3 on script, oom; exit codes 75 only"
    assert shown["avoids at first"] == "box-2"
    assert shown["asks for now"] == "12 GiB of GPU memory, a whole GPU"
    assert shown["result"] == '{"loss": 0.5}'
    assert shown["output"] == "12 bytes (nightshift logs 1)"


def test_show_script_is_the_script(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.add_task(script_content="#!/bin/bash\nprintf '\x1b[31m训'\n")
    assert nightshift("show", "1", "--script").out == "#!/bin/bash\nprintf '\x1b[31m训'\n"


def test_last_without_tasks_says_so(connected: FakeApi, nightshift: Nightshift) -> None:
    result = nightshift("show", "last")
    assert result.status == 1
    assert "no last task" in result.err


AGENT = {
    "name": "box",
    "status": "online",
    "standing": "active",
    "cpu_cores": 16,
    "cpu_cores_in_use": 4.5,
    "available_cpu_cores": 11.5,
    "cpu_usage": 12.4,
    "memory_mib": 65536,
    "memory_used_mib": None,
    "running_time": 7260,
    "gpu_state": "ready",
    "gpu_info": [
        {"index": 0, "name": "A100", "memory_mib": 81920, "memory_used_mib": 1024, "utilization": 7, "task_ids": [3]},
        {"index": 1, "name": "A100", "memory_mib": 81920, "memory_used_mib": None, "utilization": None, "task_ids": []},
    ],
    "sub_agents": [
        {
            "task_id": 3,
            "task_name": "train",
            "attempt_no": 1,
            "status": "online",
            "state": "running",
            "running_time": 61,
            "cpu_cores": 4.5,
            "cpu_usage": 380.0,
            "memory_used_mib": 2048,
            "gpu_info": [{"index": 0}],
        }
    ],
}


def test_hosts_are_a_tree() -> None:
    assert list(tree(AGENT)) == [
        "box: online, 4.5 of 16 cores in use, 11.5 free, CPU 12 %, memory ? of 64 GiB, up 2h01m",
        "├─ GPU 0 A100: 1 GiB of 80 GiB, 7 %, held by #3",
        "├─ GPU 1 A100: ? of 80 GiB, ?, free",
        "└─ #3 train: attempt 1, running, 1m01s, 4.5 cores, CPU 380 %, memory 2 GiB, GPU 0",
    ]


def test_wide_hosts_say_what_tasks_may_target() -> None:
    licence = {"name": "matlab", "total": 3, "available": 2, "origin": "operator"}
    traits = {"zone": "eu/berlin", "pools": ["big", "night"], "labels": ["a100", "cpu"], "resources": [licence]}
    assert list(tree({**AGENT, **traits}, wide=True))[1:5] == [
        "├─ zone: eu/berlin",
        "├─ pools: big, night",
        "├─ labels: a100, cpu",
        "├─ resources: matlab 2 of 3 free",
    ]
    assert list(tree({**AGENT, **traits})) == list(tree(AGENT))


def test_show_says_where_it_may_run(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.add_task(
        gpu_count=2,
        gpu_types=["a100", "h100"],
        disk_mib=2048,
        resources={"matlab": 1},
        node_count=2,
        whole_host=True,
        hosts=["a", "b"],
        exclude_hosts=["c"],
        pool="night",
        requires="nvlink & !old",
        prefers=["fast"],
        zone="eu",
        reservation=5,
    )
    out = nightshift("show", "1").out
    assert "1 CPU core, 2 GiB of disk, 2 a100 or h100 GPUs, 1 matlab" in out
    for words in ("2 hosts at once", "a, b", "not on       c", "night", "nvlink & !old", "fast", "eu", "5"):
        assert words in out


def test_hosts_verb(connected: FakeApi, nightshift: Nightshift) -> None:
    assert "no host yet" in nightshift("hosts").err
    connected.agents = [AGENT, {**AGENT, "name": EVIL, "status": "offline", "standing": "paused", "sub_agents": []}]
    result = nightshift("hosts")
    assert len(result.out.splitlines()) == 7
    assert "evil ]0;title name: offline (paused)" in result.out
    assert [agent["name"] for agent in json.loads(nightshift("hosts", "--json").out)] == ["box", EVIL]


def test_templates_verb(connected: FakeApi, nightshift: Nightshift) -> None:
    assert nightshift("templates") == (0, "", "nightshift: no template\n")
    connected.templates = [{"name": "train", "description": "First.\nSecond.", "cpu_cores": 4, "gpu_count": 1}]
    assert nightshift("templates").out.splitlines()[1] == "train  4 CPU cores, 1 GPU  First."
    assert json.loads(nightshift("templates", "-n", "rai", "--json").out)[0]["name"] == "train"
    assert json.loads(nightshift("templates", "-n", "no", "--json").out) == []


def test_a_task_over_several_hosts_shows_how_many(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.add_task(status="running", agent_name="gpu-1", node_count=3)
    assert "gpu-1 +2" in nightshift("ls").out


def test_a_card_that_cannot_be_had_is_not_called_free() -> None:
    card = {"index": 0, "memory_mib": 49152, "memory_used_mib": 0, "task_ids": []}
    outside = {**card, "index": 1, "memory_used_mib": 30720, "is_used_outside": True, "outsiders_mib": 30720}
    cards = [{**card, "reservation_ids": [5]}, outside, {**card, "index": 2}]
    lines = "\n".join(tree({**AGENT, "gpu_info": cards}))
    for words in ("?, held by reservation 5", "?, 30 GiB used outside Nightshift", "?, free"):
        assert words in lines
