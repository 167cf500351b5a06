"""Each state has one writer: who may change it can be said from the file name."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.habits import source

# field -> the modules or folders that may write it; creating a row with its first state counts as writing
WRITERS = {
    "status": {"tasks/lifecycle/"},
    "current_fence": {"tasks/lifecycle/"},
    "state": {"tasks/sub_agent_lifecycle.py", "tasks/output/logs.py", "tasks/reserving/reservations.py"},
    "connectivity": {"agents/sessions.py", "agents/supervision.py"},
}
PUBLISHERS = {
    "tasks/messages.py",
    "agents/messages.py",
    "tasks/lifecycle/",
    "tasks/sub_agent_lifecycle.py",
}
QUERYSET_WRITES = {"update", "create", "get_or_create", "update_or_create", "aupdate", "acreate"}
HAVE_SUCH_FIELDS = ("tasks", "agents")


def written_fields(tree: ast.Module) -> Iterator[str]:
    """Names of model fields that this module assigns on objects, passes to queryset writes, or saves by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.attr for target in targets if is_field(target))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in QUERYSET_WRITES:
                yield from (keyword.arg for keyword in node.keywords if keyword.arg)
                yield from names_in(node, "defaults")
            elif node.func.attr in {"save", "bulk_update"}:
                yield from names_in(node, "update_fields")


def is_field(target: ast.expr) -> bool:
    """`task.status = ...`, but not a class's own `self.status`: those are values, not rows."""
    return isinstance(target, ast.Attribute) and not (
        isinstance(target.value, ast.Name) and target.value.id in {"self", "cls"}
    )


def names_in(call: ast.Call, keyword: str) -> Iterator[str]:
    for given in call.keywords:
        if given.arg == keyword:
            for node in ast.walk(given.value):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def is_one_of(path: Path, named: set[str]) -> bool:
    shown = source.shown(path)
    return any(shown.startswith(name) if name.endswith("/") else shown == name for name in named)


def test_only_its_writers_write_a_state() -> None:
    assert source.found_in(source.modules(*source.SERVER), wrongly_written) == {}


def wrongly_written(path: Path) -> list[str]:
    written = set(written_fields(source.tree_of(path)))
    return [field for field, writers in WRITERS.items() if field in written and not is_one_of(path, writers)]


def test_the_writers_do_write() -> None:
    """A rule whose writer was renamed would hold for nothing."""
    for field, writers in WRITERS.items():
        for writer in writers:
            written = [names_used(source.tree_of(path)) for path in modules_of(writer)]
            assert any(field in names for names in written), f"{writer} writes no {field}"


def modules_of(name: str) -> Iterator[Path]:
    path = source.ROOT / name
    yield from path.rglob("*.py") if path.is_dir() else [path]


def names_used(tree: ast.Module) -> set[str | None]:
    """A writer may go through a helper of its own: any keyword and any assigned attribute counts."""
    keywords = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    return keywords | set(written_fields(tree))


def test_only_lifecycles_and_messages_publish() -> None:
    others = [path for path in source.modules(*source.SERVER) if not is_one_of(path, PUBLISHERS)]
    assert source.found_in((path for path in others if path.name != "broadcast.py"), published) == {}


def published(path: Path) -> list[str]:
    calls = [node.func for node in ast.walk(source.tree_of(path)) if isinstance(node, ast.Call)]
    names = {ast.unparse(function) for function in calls}
    return sorted(name for name in names if name.endswith(("broadcast.publish", "broadcast.publish_latest")))


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("tasks/lifecycle/finish.py", True),
        ("tasks/lifecycle_helpers.py", False),
        ("tasks/output/logs.py", True),
        ("tasks/logs.pyx", False),
    ],
)
def test_a_writer_is_a_module_or_a_folder(path: str, named: bool) -> None:
    assert is_one_of(source.ROOT / path, {"tasks/lifecycle/", "tasks/output/logs.py"}) is named


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("task.status = 1", ["status"]),
        ("self.status = 1", []),
        ("rows.filter(status=1).update(state=2)", ["state"]),
        ("Task.objects.create(status=1)", ["status"]),
        ("rows.update_or_create(pk=1, defaults={'status': 2})", ["pk", "defaults", "status"]),
        ("task.save(update_fields=['status'])", ["status"]),
    ],
)
def test_what_counts_as_writing(code: str, fields: list[str]) -> None:
    assert list(written_fields(ast.parse(code))) == fields
