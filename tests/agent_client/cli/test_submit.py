"""nightshift submit: what is sent, what is printed, how often."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.agent_client.cli.conftest import Nightshift
from tests.agent_client.cli.fake_api import FakeApi, task_values


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "train.sh"
    path.write_text("#!/bin/bash\necho hello\n")
    return path


def sent(api: FakeApi) -> dict:
    return api.called("POST", "/api/tasks/")[-1].body


def give_stdin(monkeypatch: pytest.MonkeyPatch, data: bytes, is_terminal: bool = False) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data), isatty=lambda: is_terminal))


def test_prints_the_id_alone(connected: FakeApi, nightshift: Nightshift, script: Path) -> None:
    assert nightshift("submit", str(script)) == (0, "1\n", "")
    body = sent(connected)
    assert body["script_content"] == "#!/bin/bash\necho hello\n"
    assert body["name"] == "train.sh"


def test_sends_only_what_was_said(
    connected: FakeApi, nightshift: Nightshift, script: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    nightshift("submit", str(script))
    assert sent(connected) == {
        "name": "train.sh",
        "script_content": "#!/bin/bash\necho hello\n",
        "working_directory": str(tmp_path),
    }


def test_json_is_the_task(connected: FakeApi, nightshift: Nightshift, script: Path) -> None:
    result = nightshift("submit", "--json", str(script))
    assert json.loads(result.out)["id"] == 1


def test_every_wish_reaches_its_field(
    connected: FakeApi, nightshift: Nightshift, script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected.add_task()
    monkeypatch.setenv("HF_HOME", "/data/hf")
    words = "-J fine -c 0.5 --mem 32G -G 2 --gpu-mem 16 --gpu-share --priority 1 -t 90m --estimate 1-2 --retries 2"
    words += " --retry-on script,oom --retry-on host --retry-exit-codes 75,137 --oom-memory-factor 1.5 --oom-exclusive"
    words += " --env SEED=1=2 --env HF_HOME -D /data --split-output --meta run=7 --template train --description why"
    result = nightshift("submit", str(script), *words.split(), "--deadline", "2030-01-01T00:00+00:00", "--after", "1")
    assert result.status == 0, result.err
    body = sent(connected)
    assert body.pop("deadline_at").startswith(("2030-01-01", "2029-12-31"))
    assert body == {
        "name": "fine",
        "script_content": "#!/bin/bash\necho hello\n",
        "template_type": "train",
        "cpu_cores": 0.5,
        "memory_mib": 32768,
        "gpu_count": 2,
        "gpu_memory": 16384,
        "gpu_share": True,
        "priority": 1,
        "time_limit_seconds": 5400,
        "estimated_seconds": 93600,
        "retries": 2,
        "retry_on": ["script", "oom", "host"],
        "retry_exit_codes": [75, 137],
        "oom_memory_factor": 1.5,
        "oom_exclusive": True,
        "environment": {"SEED": "1=2", "HF_HOME": "/data/hf"},
        "working_directory": "/data",
        "split_output": True,
        "metadata": {"run": "7"},
        "description": "why",
        "depends_on": [1],
    }


def test_gpu_memory_alone_asks_for_one_gpu(connected: FakeApi, nightshift: Nightshift, script: Path) -> None:
    nightshift("submit", "--gpu-mem", "16G", str(script))
    assert sent(connected)["gpu_count"] == 1


def test_dependencies_of_all_spellings(connected: FakeApi, nightshift: Nightshift, script: Path) -> None:
    for _ in range(4):
        connected.add_task()
    nightshift("submit", str(script), "--after", "#1,2", "-d", "afterany:3", "--dependency", "afterok:last")
    assert sent(connected)["depends_on"] == [1, 2, {"id": 3, "kind": "afterany"}, 4]


def test_one_task_with_two_kinds_is_refused(connected: FakeApi, nightshift: Nightshift, script: Path) -> None:
    result = nightshift("submit", str(script), "--after", "1", "--after", "afterany:1")
    assert result.status == 2
    assert "task 1 is named twice" in result.err
    assert not connected.called("POST", "/api/tasks/")


def test_wrap_makes_a_script(connected: FakeApi, nightshift: Nightshift) -> None:
    nightshift("submit", "--wrap", "python train.py  --lr 0.1", "-D", "")
    assert sent(connected) == {
        "name": "python train.py --lr 0.1",
        "script_content": "#!/bin/bash\npython train.py  --lr 0.1\n",
    }


@pytest.mark.parametrize("words", [(), ("-",)])
def test_script_on_standard_input(
    connected: FakeApi, nightshift: Nightshift, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    give_stdin(monkeypatch, "echo 你好\n".encode())
    assert nightshift("submit", *words).out == "1\n"
    assert sent(connected)["script_content"] == "echo 你好\n"


def test_no_script_at_a_terminal_is_a_usage_error(
    connected: FakeApi, nightshift: Nightshift, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_stdin(monkeypatch, b"", is_terminal=True)
    result = nightshift("submit")
    assert result.status == 2
    assert "--wrap" in result.err


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b" \n", "is empty"),
        (b"\x7fELF\0\0", "NUL"),
        (b"#!/bin/bash\r\necho\r\n", "Windows line ends"),
        (b"echo \xff\n", "not UTF-8"),
    ],
)
def test_what_is_no_script_is_refused(
    connected: FakeApi, nightshift: Nightshift, script: Path, data: bytes, what: str
) -> None:
    script.write_bytes(data)
    result = nightshift("submit", str(script))
    assert (result.status, result.out) == (1, "")
    assert what in result.err
    assert len(result.err.splitlines()) == 1


def test_missing_file_is_named(connected: FakeApi, nightshift: Nightshift) -> None:
    result = nightshift("submit", "/no/such.sh")
    assert result.status == 1
    assert "/no/such.sh" in result.err


def test_sbatch_lines_are_not_ignored_silently(connected: FakeApi, nightshift: Nightshift, script: Path) -> None:
    script.write_text("#!/bin/bash\n#SBATCH --gres=gpu:1\n#SBATCH --time=1:00:00\necho\n#SBATCH --late\n")
    assert "2 #SBATCH lines" in nightshift("submit", str(script)).err


def test_without_a_script_the_template_is_named(connected: FakeApi, nightshift: Nightshift) -> None:
    assert nightshift("submit", "--template", "train", "-c", "2", "--gpu-mem", "8", "-D", "").status == 0
    assert sent(connected) == {"name": "train", "template": "train", "cpu_cores": 2, "gpu_memory": 8192}


def test_unknown_template_is_named_by_its_flag(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.answers.append((400, {"template": ["There is no template 'trian'."]}))
    result = nightshift("submit", "--template", "trian")
    assert (result.status, result.err) == (1, "nightshift: --template: There is no template 'trian'\n")


def test_lost_reply_does_not_double_the_task(connected: FakeApi, nightshift: Nightshift, script: Path) -> None:
    connected.drop_next = 1  # the task is made, the reply is lost
    assert nightshift("submit", str(script)).out == "1\n"
    calls = connected.called("POST", "/api/tasks/")
    assert len(calls) == 2
    assert len({call.headers["Idempotency-Key"] for call in calls}) == 1
    assert len(connected.tasks) == 1


def test_two_submissions_have_two_keys(connected: FakeApi, nightshift: Nightshift, script: Path) -> None:
    assert [nightshift("submit", str(script)).out for _ in range(2)] == ["1\n", "2\n"]


def test_field_errors_name_the_flag(connected: FakeApi, nightshift: Nightshift, script: Path) -> None:
    errors = {"priority": ["must be between 1 and 5"], "depends_on": {"0": {"id": ["Task 99 does not exist."]}}}
    connected.answers.append((400, errors))
    result = nightshift("submit", str(script), "--priority", "9")
    assert result.status == 1
    assert result.err == "nightshift: --priority: must be between 1 and 5; --after: Task 99 does not exist\n"


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("-t", "soon"), "-t/--time"),
        (("--mem", "lots"), "--mem"),
        (("--mem", "-1G"), "--mem"),
        (("-G", "a100:2"), "-G/--gpus"),
        (("--after", "after:3"), "'after' is not a kind"),
        (("--after", "afterany:1,2"), "afterany:1:2"),
        (("--env", "2X=1"), "'2X'"),
        (("--env", "NOT_SET_ANYWHERE"), "NOT_SET_ANYWHERE is not set"),
        (("--meta", "x"), "--meta"),
        (("--deadline", "tomorrow"), "--deadline"),
        (("--prio", "1"), "--prio"),
        (("--wrap", "true"), "not both"),
    ],
)
def test_bad_words_are_usage_errors(
    connected: FakeApi, nightshift: Nightshift, script: Path, words: tuple[str, ...], what: str
) -> None:
    result = nightshift("submit", str(script), *words)
    assert (result.status, result.out) == (2, "")
    assert what in result.err
    assert len(result.err.splitlines()) == 1
    assert not connected.called("POST", "/api/tasks/")


def test_wait_exits_like_the_task(connected: FakeApi, nightshift: Nightshift, script: Path) -> None:
    ended = task_values(1, status="failed", end_reason="exit", exit_code=7, end_sentence="exit code 7")
    connected.answers += [(201, task_values(1)), (200, task_values(1, status="running"))]
    connected.answers += [(200, {"ended": [1], "open": []}), (200, ended)]
    result = nightshift("submit", "--wait", str(script))
    assert (result.status, result.out) == (7, "1\n")
    assert "task 1: exit code 7" in result.err


def test_working_directory_keeps_the_shells_name(
    connected: FakeApi, nightshift: Nightshift, script: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path / "link")
    monkeypatch.setenv("PWD", str(tmp_path / "link"))
    nightshift("submit", str(script), "-D", "sub/..")
    assert sent(connected)["working_directory"] == str(tmp_path / "link")
    monkeypatch.setenv("PWD", "/")
    nightshift("submit", str(script))
    assert sent(connected)["working_directory"] == str(tmp_path / "real")


def test_a_refusal_speaks_of_flags(connected: FakeApi, nightshift: Nightshift) -> None:
    sentences = ["No known host has 9 GPUs.", "Set wait_for_host to queue it for a future host."]
    connected.answers.append((400, {"gpu_count": sentences}))
    result = nightshift("submit", "--wrap", "true", "-G", "9")
    words = "--gpus: No known host has 9 GPUs. Set --wait-for-host to queue it for a future host"
    assert words in result.err


@pytest.mark.parametrize("factor", ["nan", "inf", "1e999", "much"])
def test_a_factor_is_a_number(connected: FakeApi, nightshift: Nightshift, script: Path, factor: str) -> None:
    result = nightshift("submit", "--oom-memory-factor", factor, str(script))
    assert (result.status, "is not a number such as 1.5" in result.err) == (2, True)
    assert not connected.calls
