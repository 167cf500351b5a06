"""scheduler_site.shared <- agents <- templates_app <- tasks <- scheduler_site; agent_client stands alone."""

import ast
from functools import partial
from pathlib import Path

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


def imported_from(packages: set[str], path: Path) -> list[str]:
    return [name for name in source.imports_of(path) if name.partition(".")[0] in packages]


def test_an_app_imports_only_what_stands_left_of_it() -> None:
    assert source.found_in(source.modules(*source.SERVER), wrong_imports) == {}


def test_the_server_knows_nothing_of_the_agent() -> None:
    assert source.found_in(source.modules(*source.SERVER), partial(imported_from, {"agent_client"})) == {}


def test_the_agent_knows_nothing_of_the_server_or_django() -> None:
    foreign = {*source.SERVER, "django", "rest_framework", "channels", "tests"}
    assert source.found_in(source.modules("agent_client"), partial(imported_from, foreign)) == {}


def test_only_contract_and_machine_tests_see_both_sides() -> None:
    for path in sorted((source.ROOT / "tests").rglob("*.py")):
        tops = {name.partition(".")[0] for name in source.imports_of(path)}
        if "agent_client" in tops and tops & set(source.SERVER):
            assert {"contract", "machine"} & set(path.parts), source.shown(path)


def test_templates_keep_the_line_too() -> None:
    assert source.found_in(source.templates(), wrong_templates) == {}


def wrong_templates(path: Path) -> list[str]:
    """Those that it uses and that are nowhere, or stand right of it."""
    here = LINE.index(path.relative_to(source.ROOT).parts[0])
    owners = {used: owner_of(used) for used in source.templates_used_by(path)}
    return [used for used, owner in owners.items() if owner is None or (owner > here and not used.startswith(FRAME))]


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
