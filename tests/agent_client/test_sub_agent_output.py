"""What scripts write, read and find under a real sub agent: bytes, streams, variables, results, failures to start."""

import hashlib
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.agent_client.fake_server import FakeServer
from tests.agent_client.sub_agents import start_sub_agent

HOST = socket.gethostname()


def run_script(server: FakeServer, parent: Path, script: str, **changes: Any) -> tuple[dict[str, Any], bytes]:
    with start_sub_agent(server, parent, script, **changes) as running:
        finish = running.wait_delivered(60)
    return finish, running.seen.output()


def test_large_binary_output_without_newline_arrives_byte_for_byte(server: FakeServer, tmp_path: Path) -> None:
    block = bytes(value for value in range(256) if value != 10) * 200
    (tmp_path / "block").write_bytes(block)
    script = "for ((n = 0; n < 400; n++)); do cat block; done | tee copy; sha256sum <copy >sum"
    finish, output = run_script(server, tmp_path, script, working_directory=str(tmp_path))
    assert len(output) == len(block) * 400 > 20_000_000
    assert hashlib.sha256(output).hexdigest() == (tmp_path / "sum").read_text().split()[0]
    assert finish["sizes"] == {"out": len(output)}


def test_invalid_utf8_and_nul_are_kept(server: FakeServer, tmp_path: Path) -> None:
    _, output = run_script(server, tmp_path, r"printf '\xff\xfe\x00\xc3(\x80'")
    assert output == b"\xff\xfe\x00\xc3(\x80"


def test_both_streams_are_merged_in_order(server: FakeServer, tmp_path: Path) -> None:
    _, output = run_script(server, tmp_path, "for n in 1 2 3; do echo out$n; echo err$n >&2; done")
    assert output == b"out1\nerr1\nout2\nerr2\nout3\nerr3\n"


def test_streams_can_be_split(server: FakeServer, tmp_path: Path) -> None:
    with start_sub_agent(server, tmp_path, "echo a; echo b >&2", split_output=True) as running:
        finish = running.wait_delivered()
    assert (running.seen.output("out"), running.seen.output("err")) == (b"a\n", b"b\n")
    assert finish["sizes"] == {"out": 2, "err": 2}


def test_input_is_at_its_end(server: FakeServer, tmp_path: Path) -> None:
    finish, output = run_script(server, tmp_path, "read line; echo status $?")
    assert (finish["exit_code"], output) == (0, b"status 1\n")


def test_a_script_may_close_all_its_streams(server: FakeServer, tmp_path: Path) -> None:
    finish, output = run_script(server, tmp_path, "exec <&- >&- 2>&-; exit 4")
    assert (finish["exit_code"], output) == (4, b"")


def test_nothing_of_ours_is_open_in_the_script(server: FakeServer, tmp_path: Path) -> None:
    script = """#!/usr/bin/env python3
import os
for fd in os.listdir("/proc/self/fd"):
    try:
        print(os.readlink(f"/proc/self/fd/{fd}"))
    except FileNotFoundError:
        pass  # the listing's own
"""
    _, output = run_script(server, tmp_path, script)
    out = str(tmp_path / "sub-1" / "out")
    assert sorted(output.decode().split()) == sorted(["/dev/null", out, out])


def test_output_survives_the_deletion_of_its_file(server: FakeServer, tmp_path: Path) -> None:
    finish, output = run_script(
        server, tmp_path, 'rm "$(dirname "$TASK_RESULT")/out"; echo still here; sleep 0.3; exit 3'
    )
    assert finish["exit_code"] == 3
    assert output == b"still here\n"


def test_result_is_taken(server: FakeServer, tmp_path: Path) -> None:
    finish, _ = run_script(server, tmp_path, """echo '{"loss": 0.25, "steps": [1, 2]}' >"$TASK_RESULT" """)
    assert finish["result"] == {"loss": 0.25, "steps": [1, 2]}
    assert finish["detail"] == ""


def test_a_bad_result_is_named_and_spoils_nothing(server: FakeServer, tmp_path: Path) -> None:
    finish, _ = run_script(server, tmp_path, 'echo nonsense >"$TASK_RESULT"')
    assert (finish["result"], finish["exit_code"]) == (None, 0)
    assert "not JSON" in finish["detail"]


def test_temporary_folder_is_deleted_at_the_end(server: FakeServer, tmp_path: Path) -> None:
    _, output = run_script(server, tmp_path, 'touch "$TASK_TMPDIR/x"; ls "$TASK_TMPDIR"; echo "$TASK_TMPDIR"')
    name, folder = output.decode().split()
    assert name == "x"
    assert not Path(folder).exists()


def test_the_scripts_own_interpreter_runs_it(server: FakeServer, tmp_path: Path) -> None:
    finish, output = run_script(
        server, tmp_path, "#!/usr/bin/env python3\nimport sys\nprint('py', len(sys.argv))\nsys.exit(8)\n"
    )
    assert (finish["exit_code"], output) == (8, b"py 1\n")


def test_shell_options_of_the_first_line_hold(server: FakeServer, tmp_path: Path) -> None:
    _, output = run_script(server, tmp_path, "#!/bin/bash -e -x\nfalse\necho never\n")
    assert b"+ false" in output
    assert b"never" not in output


def test_usage_covers_descendants(server: FakeServer, tmp_path: Path) -> None:
    burn = (
        "python3 -c 'import time; data = bytearray(60_000_000); end = time.time() + 2.5\nwhile time.time() < end: pass'"
    )
    finish, _ = run_script(server, tmp_path, f"({burn}) & wait")
    usages = server.sub_agent("sub-1").usages
    assert max(usage["processes"] for usage in usages) >= 2
    assert finish["peak_memory_mib"] >= 55
    assert finish["cpu_seconds"] > 0.5


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"working_directory": "/nowhere/at/all"}, f"working directory /nowhere/at/all does not exist on host {HOST}"),
        ({"working_directory": "/etc/passwd"}, f"working directory /etc/passwd is not a directory on host {HOST}"),
        (
            {"script_content": "#!/usr/bin/zsh-of-old\necho x\n"},
            f"interpreter /usr/bin/zsh-of-old of the script's first line was not found on host {HOST}",
        ),
        (
            {"script_content": "#!/etc/passwd\n"},
            f"interpreter /etc/passwd of the script's first line may not be executed on host {HOST}",
        ),
        pytest.param({"environment": {"BIG": "x" * 140_000}}, "argument list too long", marks=pytest.mark.matrix(45)),
        ({"environment": {"A=B": "x"}}, "= in it"),
    ],
)
def test_a_script_that_cannot_start_says_why(
    server: FakeServer, tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    script = changes.pop("script_content", "echo ran")
    finish, output = run_script(server, tmp_path, script, **changes)
    assert (finish["reason"], finish["exit_code"]) == ("spawn_error", None)
    assert sentence in finish["detail"]
    assert output == b""


def test_ten_thousand_variables_reach_the_script(server: FakeServer, tmp_path: Path) -> None:
    many = {f"VARIABLE_{number}": "v" * 50 for number in range(10_000)}
    _, output = run_script(server, tmp_path, "env | grep -c ^VARIABLE_", environment=many)
    assert output == b"10000\n"


def test_environment_of_a_script(server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SECRET_THING", "ours")
    gpus = [
        {"index": 1, "uuid": "GPU-b", "memory_mib": 80000, "is_shared": False},
        {"index": 3, "uuid": "GPU-d", "memory_mib": 80000, "is_shared": False},
    ]
    script = "python3 -c 'import json, os; print(json.dumps(dict(os.environ)))'"
    _, output = run_script(server, tmp_path, script, gpus=gpus, environment={"MINE": "1", "TASK_ID": "forged"})
    seen = json.loads(output)
    assert (seen["TASK_ID"], seen["MINE"], seen["CUDA_VISIBLE_DEVICES"]) == ("12", "1", "1,3")
    assert "NIGHTSHIFT_SECRET_THING" not in seen


def entries(server: FakeServer) -> list[dict[str, Any]]:
    with server.lock:
        return [entry for call in server.calls if call.path.endswith("/report") for entry in call.body["entries"]]


PATIENT = "from agent_client.sub_agent import cadence; cadence.FIRST_PATIENCE_SECONDS = 60"
RARE_LOOKS = (
    "from agent_client.sub_agent import cadence, supervise; "
    "cadence.FIRST_PATIENCE_SECONDS, supervise.LOOK_SECONDS = 0, 60"
)


def test_a_short_script_is_told_in_one_report(server: FakeServer, tmp_path: Path) -> None:
    with start_sub_agent(server, tmp_path, "echo here", PATIENT) as running:
        running.wait_delivered()
    (told,) = entries(server)
    assert told["started"]
    assert told["finish"]
    assert [len(told["output"]), len(told["log_close"])] == [1, 1]


def test_the_last_words_are_told_with_the_result(server: FakeServer, tmp_path: Path) -> None:
    """A report of their own would be on its way when the result is ready, which would wait for its answer."""
    server.next_in_seconds = 300.0
    script = f"while [ ! -e {tmp_path}/ends ]; do sleep 0.02; done\necho there"
    with start_sub_agent(server, tmp_path, script, RARE_LOOKS) as running:
        running.wait_running()
        (tmp_path / "ends").touch()
        running.wait_delivered()
    started, told = entries(server)
    assert started["finish"] is None
    assert told["finish"]
    assert [len(told["output"]), len(told["log_close"])] == [1, 1]
