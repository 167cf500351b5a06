"""Run as a program: puts each deliberate fault into a copy of the tree, runs its test there and expects it to fail.

The tests are run once without a fault first. Writes the table in docs/failure.md; a part by words: run.py fence nonce.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.matrix.sections import replace_section
from tests.mutations.listed import MUTATIONS, Mutation

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "failure.md"
SECTION = "mutations"
SECONDS = 600.0
TESTS_FAILED = 1


def main(words: list[str]) -> int:
    chosen = [item for item in MUTATIONS if not words or any(word in item.fault for word in words)]
    with tempfile.TemporaryDirectory(prefix="nightshift-mutations-") as folder:
        tree = copied(Path(folder) / "tree")
        if run(tree, sorted({item.test for item in chosen})) != 0:
            say("The tests fail without a fault; nothing is shown by that.")
            return 2
        survivors = [item for item in chosen if not is_caught(tree, item)]
    say(f"{len(chosen) - len(survivors)} of {len(chosen)} deliberate faults were caught.")
    PAGE.write_text(replace_section(PAGE.read_text(), SECTION, table()))
    return 1 if survivors else 0


def copied(tree: Path) -> Path:
    """Everything that git would track, and links to what was installed."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    for name in names:
        if name and (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    for name in ("static/dist", "static/node_modules"):
        if (ROOT / name).exists():
            (tree / name).symlink_to(ROOT / name)
    return tree


def is_caught(tree: Path, mutation: Mutation) -> bool:
    file = tree / mutation.file
    text = file.read_text()
    file.write_text(text.replace(mutation.old, mutation.new))
    try:
        caught = run(tree, [mutation.test]) == TESTS_FAILED
    finally:
        file.write_text(text)
    say(f"{'caught' if caught else 'NOT CAUGHT'}: {mutation.fault} ({mutation.test})")
    return caught


def run(tree: Path, tests: Iterable[str]) -> int:
    """Imports come from the copy: it is the working directory, and stands before what was installed."""
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=tree, capture_output=True, check=False, timeout=SECONDS).returncode


def table() -> str:
    rows = [f"| {item.fault} | `{item.file}` | `{item.test.removeprefix('tests/')}` |" for item in MUTATIONS]
    return "\n".join(["| fault put into the code | file | caught by |", "|---|---|---|", *rows])


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
