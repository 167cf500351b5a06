"""The data folder: its sub-folders and the secret key in it. Knows nothing of what the folders hold."""

import secrets
from collections.abc import Iterable
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def make(data_dir: Path, folders: Iterable[Path]) -> None:
    """Make what is missing. The data folder is for its owner alone: it holds scripts, output and the secret key."""
    try:
        if not data_dir.exists():
            data_dir.mkdir(parents=True, mode=0o700)
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(data_dir, error) from None


def secret_key(path: Path) -> str:
    """Made at first use with mode 0600; also keys the sub agents' tokens. The first of several processes wins."""
    try:
        if not path.exists():
            temporary = path.with_suffix(f".{secrets.token_hex(4)}")
            temporary.touch(mode=0o600)
            temporary.write_text(secrets.token_urlsafe(48))
            _link_first(temporary, path)
        return path.read_text().strip()
    except OSError as error:
        raise _unusable(path.parent, error) from None


def _link_first(temporary: Path, path: Path) -> None:
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _unusable(data_dir: Path, error: OSError) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"NIGHTSHIFT_DATA_DIR {str(data_dir)!r} cannot be used: {error.strerror or error}.")
