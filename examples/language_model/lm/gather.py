"""Step 2: gathers English text from what lies on this machine: documentation strings and comments of Python's own
library, the language reference that comes with it, licences and documents of installed packages. Cleans nothing. Uses
the standard library only, so that it can run while the environment is being made."""

from __future__ import annotations

import ast
import gzip
import hashlib
import inspect
import json
import pydoc_data.topics
import sysconfig
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from lm.files import report, run_path, write_text
from lm.settings import chosen_size

DOCUMENT_BYTES_MAX = 200_000  # a single long file must not become the corpus
SKIPPED_FOLDERS = {"site-packages", "test", "tests", "idle_test", "__pycache__", "lib2to3"}


class Document(NamedTuple):
    source: str
    name: str
    text: str


def docstrings(code: str) -> list[str]:
    """Every documentation string of a Python source text; none when it does not parse."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old escapes in a library are not our business
            tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return []
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = (ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, holders))
    return [inspect.cleandoc(text) for text in found if text]


def comments(code: str) -> list[str]:
    """Runs of comment lines without their signs. A line of a string that looks like one is taken too: no harm."""
    blocks: list[list[str]] = [[]]
    for line in code.splitlines():
        if line.lstrip().startswith("#"):
            blocks[-1].append(line.lstrip(" \t#!:-=").rstrip("- =#"))
        elif blocks[-1]:
            blocks.append([])
    return ["\n".join(block) for block in blocks if block]


def python_library() -> Iterator[Document]:
    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root)
        if not SKIPPED_FOLDERS.intersection(inside.parts):
            code = path.read_text(encoding="utf-8", errors="replace")
            yield Document("python library", str(inside), "\n\n".join(docstrings(code) + comments(code)))


def language_reference() -> Iterator[Document]:
    for name, text in sorted(pydoc_data.topics.topics.items()):
        yield Document("python reference", name, text)


def read_plain(path: Path) -> str:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as stream:
        return stream.read(DOCUMENT_BYTES_MAX).decode("utf-8", errors="replace")


def system_texts() -> Iterator[Document]:
    """Licences and readmes of the system; a machine without them simply gives none."""
    wanted = [("licences", "/usr/share/common-licenses", "*"), ("documents", "/usr/share/doc", "README*")]
    wanted += [("documents", "/usr/share/doc", pattern) for pattern in ("*.txt", "*.md", "*.txt.gz", "*.md.gz")]
    for source, folder, pattern in wanted:
        for path in sorted(Path(folder).rglob(pattern)):
            if path.is_file() and not path.is_symlink():
                try:
                    yield Document(source, str(path), read_plain(path))
                except OSError as error:
                    print(f"left out {path}: {error}")


def rank(document: Document) -> tuple[bool, bytes]:
    """What every machine with Python has comes first; within that an order that depends on the names alone."""
    return document.source == "documents", hashlib.sha256(document.name.encode()).digest()


def choose(documents: Iterable[Document], limit_bytes: int) -> Iterator[Document]:
    """Documents in the order of `rank`, until `limit_bytes` are reached."""
    taken = 0
    known = set()
    for document in sorted(documents, key=rank):
        text = document.text[:DOCUMENT_BYTES_MAX].strip()
        if not text or document.name in known:
            continue
        known.add(document.name)
        taken += len(text.encode())
        yield document._replace(text=text)
        if taken >= limit_bytes:
            return


def everything() -> Iterator[Document]:
    yield from python_library()
    yield from language_reference()
    yield from system_texts()


def main() -> None:
    chosen = list(choose(everything(), chosen_size().corpus_bytes))
    lines = (json.dumps(document._asdict(), ensure_ascii=False) for document in chosen)
    write_text(run_path("corpus.jsonl"), "\n".join(lines) + "\n")
    report(
        {
            "documents": len(chosen),
            "bytes": sum(len(document.text.encode()) for document in chosen),
            "documents_by_source": dict(Counter(document.source for document in chosen)),
        }
    )


if __name__ == "__main__":
    main()
