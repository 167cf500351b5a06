"""What a backup holds, as manifest.json in its folder: written last, so that a folder without it is none."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tasks.output import log_gaps
from tasks.output.log_gaps import Gaps

FORMAT = 1
NAME = "manifest.json"
BLOCK_BYTES = 1 << 20


class BadBackup(Exception):
    """One sentence that says what is wrong with a backup."""


@dataclass(frozen=True)
class Kept:
    """One file. `gaps` are [start, stop, reason] of bytes that are not kept: neither copied nor compared."""

    path: str
    size: int
    sha256: str
    gaps: list[list[Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Manifest:
    """`database` None: it is kept elsewhere (PostgreSQL). `migrations` says which tables it has."""

    instance_id: str
    commit_seq: int
    created_at: str
    migrations: list[str]
    database: Kept | None
    secret_key: Kept
    output: list[Kept]
    format: int = FORMAT

    def files(self) -> list[Kept]:
        return [*([self.database] if self.database else []), self.secret_key, *self.output]


def write(folder: Path, manifest: Manifest) -> None:
    (folder / NAME).write_text(json.dumps(asdict(manifest), indent=1) + "\n")


def read(folder: Path) -> Manifest:
    """BadBackup when there is none, or one that this version does not understand."""
    try:
        raw: dict[str, Any] = json.loads((folder / NAME).read_text())
    except OSError:
        raise BadBackup(f"{folder} is no backup: it has no {NAME}.") from None
    except ValueError:
        raise BadBackup(f"{folder / NAME} is damaged.") from None
    if raw.get("format") != FORMAT:
        raise BadBackup(f"{folder} was made by another version of Nightshift (format {raw.get('format')}).")
    database = Kept(**raw.pop("database")) if raw["database"] else raw.pop("database")
    secret_key, output = Kept(**raw.pop("secret_key")), [Kept(**part) for part in raw.pop("output")]
    return Manifest(database=database, secret_key=secret_key, output=output, **raw)


def kept(folder: Path, path: str) -> Kept:
    """How a file that was copied whole stands in the manifest."""
    size = (folder / path).stat().st_size
    return Kept(path, size, digest_of(folder / path, size, ()))


def digest_of(path: Path, size: int, gaps: Gaps) -> str:
    """SHA-256 of the first `size` bytes without the gaps; of what there is of them."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for run in log_gaps.runs(gaps, size):
            file.seek(run.start)
            left = run.size
            while left and (block := file.read(min(BLOCK_BYTES, left))):
                digest.update(block)
                left -= len(block)
    return digest.hexdigest()


def verify(folder: Path) -> Manifest:
    """Every file is there and is what the manifest says; BadBackup names the first that is not."""
    manifest = read(folder)
    for part in manifest.files():
        path = folder / part.path
        gaps = log_gaps.from_rows(part.gaps)
        if not path.is_file() or path.stat().st_size < log_gaps.end_of_runs(gaps, part.size):
            raise BadBackup(f"{path} is missing or too short.")
        if digest_of(path, part.size, gaps) != part.sha256:
            raise BadBackup(f"{path} is damaged: its SHA-256 is not that of the manifest.")
    return manifest
