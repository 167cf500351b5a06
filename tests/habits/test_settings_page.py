"""docs/settings.md lists every setting, and none that does not exist."""

import ast
import re

from tests.habits import source

READERS = {
    "text",
    "integer",
    "seconds",
    "boolean",
    "choice",
    "folder",
    "file",
    "file_name",
    "host",
    "hosts",
    "networks",
    "url",
    "database",
}
PAGE = source.ROOT / "docs" / "settings.md"
ROW = re.compile(r"^\| `NIGHTSHIFT_([A-Z_]+)` \|", re.M)


def settings_read() -> set[str]:
    """The first argument of every reader that the settings call."""
    found = set()
    for node in ast.walk(source.tree_of(source.ROOT / "scheduler_site" / "settings.py")):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {f"env.{reader}" for reader in READERS}:
            name = node.args[0]
            assert isinstance(name, ast.Constant)
            found.add(str(name.value))
    return found


def test_the_page_lists_every_setting() -> None:
    assert set(ROW.findall(PAGE.read_text())) == settings_read()
    assert {"PORT", "HOST", "DATA_DIR", "DATABASE_URL", "REDIS_URL"} <= settings_read()


def test_the_environment_is_read_in_one_place() -> None:
    for path in source.modules(*source.SERVER):
        if source.shown(path) == "scheduler_site/env.py":
            continue
        names = {ast.unparse(node) for node in ast.walk(source.tree_of(path)) if isinstance(node, ast.Attribute)}
        assert not names & {"os.getenv", "os.environ.get"}, source.shown(path)
