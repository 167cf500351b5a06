"""scheduler_site.shared <- agents <- templates_app <- tasks <- scheduler_site; agent_client stands alone."""

import ast
from pathlib import Path

import pytest

from tests.habits import source

LINE = ["scheduler_site.shared", "agents", "templates_app", "tasks", "scheduler_site"]
# The frame of all pages: the one thing that every app's templates may extend and include.
FRAME = ("base.html", "partials/", "admin/", "registration/")


def place(module: str) -> int | None:
    """Where a module stands in the line; None when it is none of ours."""
    if module == "scheduler_site.shared" or module.startswith("scheduler_site.shared."):
        return 0
    top = module.partition(".")[0]
    return LINE.index(top) if top in LINE else None


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(source.ROOT).with_suffix("").parts)


def wrong_imports(path: Path) -> list[str]:
    here = place(module_name(path))
    assert here is not None
    return [name for name in source.imports_of(path) if (there := place(name)) is not None and there > here]


@pytest.mark.parametrize("path", source.modules(*source.SERVER), ids=source.shown)
def test_an_app_imports_only_what_stands_left_of_it(path: Path) -> None:
    assert wrong_imports(path) == []


@pytest.mark.parametrize("path", source.modules(*source.SERVER), ids=source.shown)
def test_the_server_knows_nothing_of_the_agent(path: Path) -> None:
    assert [name for name in source.imports_of(path) if name.partition(".")[0] == "agent_client"] == []


@pytest.mark.parametrize("path", source.modules("agent_client"), ids=source.shown)
def test_the_agent_knows_nothing_of_the_server_or_django(path: Path) -> None:
    foreign = {*source.SERVER, "django", "rest_framework", "channels", "tests"}
    assert [name for name in source.imports_of(path) if name.partition(".")[0] in foreign] == []


def test_only_contract_and_machine_tests_see_both_sides() -> None:
    for path in sorted((source.ROOT / "tests").rglob("*.py")):
        tops = {name.partition(".")[0] for name in source.imports_of(path)}
        if "agent_client" in tops and tops & set(source.SERVER):
            assert {"contract", "machine"} & set(path.parts), source.shown(path)


@pytest.mark.parametrize("path", list(source.templates()), ids=source.shown)
def test_templates_keep_the_line_too(path: Path) -> None:
    here = LINE.index(path.relative_to(source.ROOT).parts[0])
    for used in source.templates_used_by(path):
        owner = owner_of(used)
        assert owner is not None, f"{used} is nowhere"
        assert owner <= here or used.startswith(FRAME), f"{used} stands right of {source.shown(path)}"


def owner_of(name: str) -> int | None:
    """Django's own templates count as left of everything."""
    for app in source.SERVER:
        if (source.ROOT / app / "templates" / name).exists():
            return LINE.index(app)
    return -1 if name.startswith(("admin/", "registration/", "django/")) else None


def test_the_reader_sees_imports_inside_functions_and_relative_ones(tmp_path: Path) -> None:
    code = "def f():\n    from tasks import lifecycle\n    import agents.models\n"
    found = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert len(found) == 2
    assert place("tasks.lifecycle") == 3
    assert place("scheduler_site.shared.errors") == 0
    assert place("scheduler_site.settings") == 4
    assert place("scheduler_site.shared_things") == 4
    assert place("requests") is None
    relative = ast.parse("from ..models import Task").body[0]
    assert isinstance(relative, ast.ImportFrom)
    assert source.absolute(source.ROOT / "tasks" / "api" / "views.py", relative) == "tasks.models"
