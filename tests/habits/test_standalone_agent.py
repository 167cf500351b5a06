"""The distribution nightshift-agent installs alone and runs without Django; its zygote stays small."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.habits import source

DECLARED = {"requests", "psutil", "nvidia-ml-py"}
# Every module of the package, imported with nothing but the standard library, itself and what it declares.
PROGRAM = """
import importlib, json, pkgutil, sys
sys.path[:0] = json.loads(sys.argv[1])
import agent_client
for module in pkgutil.walk_packages(agent_client.__path__, "agent_client."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(json.dumps({"where": agent_client.__path__[0], "modules": sorted(sys.modules)}))
"""
ZYGOTE = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
import agent_client.zygote, agent_client.sub_agent.run
print(json.dumps(sorted(sys.modules)))
"""

MAIN_AGENT = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
import agent_client.cli.main, agent_client.cli.agent, agent_client.main_agent.start
print(json.dumps(sorted(sys.modules)))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package built and installed from the tree into an empty folder, without its dependencies."""
    folder = tmp_path_factory.mktemp("alone")
    tree = folder / "tree"
    tree.mkdir()
    shutil.copytree(source.ROOT / "agent_client", tree / "agent_client", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(source.ROOT / "pyproject.toml", tree)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-deps"]
    target = folder / "target"
    subprocess.run([*pip, "--target", str(target), str(tree)], check=True)
    return target


def dependencies(folder: Path) -> Path:
    """A folder that holds only what the distribution declares and what that needs."""
    wanted, known = set(DECLARED), set()
    folder.mkdir(exist_ok=True)
    while wanted:
        name = wanted.pop()
        known.add(name)
        link_files(name, folder)
        needed = (line for line in distribution(name).requires or [] if "extra ==" not in line)
        wanted |= {re.split(r"[^A-Za-z0-9._-]", line)[0] for line in needed} - known
    return folder


def link_files(name: str, folder: Path) -> None:
    for top in {file.parts[0] for file in distribution(name).files or []} - {".."}:
        if not (folder / top).exists():
            (folder / top).symlink_to(Path(str(distribution(name).locate_file(top))))


def run_alone(program: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", "-c", program, json.dumps([str(path) for path in paths])]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_declares_what_is_tested_here() -> None:
    project = tomllib.loads((source.ROOT / "pyproject.toml").read_text())["project"]
    assert {line.split(">=")[0] for line in project["dependencies"]} == DECLARED


def test_every_module_imports_without_django(installed: Path, tmp_path: Path) -> None:
    done = run_alone(PROGRAM, installed, dependencies(tmp_path / "dependencies"))
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert Path(answer["where"]) == installed / "agent_client"
    assert not {"django", "rest_framework", "channels", "tasks", "agents", "scheduler_site"} & set(answer["modules"])


def test_the_console_script_is_installed_and_speaks(installed: Path) -> None:
    script = installed / "bin" / "nightshift"
    assert "agent_client.cli.main" in script.read_text()


def test_the_zygote_imports_neither_asyncio_nor_django(installed: Path, tmp_path: Path) -> None:
    done = run_alone(ZYGOTE, installed, dependencies(tmp_path / "dependencies"))
    assert done.returncode == 0, done.stderr
    assert not {"asyncio", "django", "twisted", "channels"} & set(json.loads(done.stdout))


def test_a_main_agent_runs_without_the_command_line_s_http_library(installed: Path, tmp_path: Path) -> None:
    done = run_alone(MAIN_AGENT, installed, dependencies(tmp_path / "dependencies"))
    assert done.returncode == 0, done.stderr
    assert not {"requests", "urllib3", "asyncio"} & set(json.loads(done.stdout))
