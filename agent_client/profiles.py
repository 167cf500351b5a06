"""The servers a user knows: URL and token of each, and which one is current, in one file that only its owner may read.

Does not talk to any server and does not look at flags or NIGHTSHIFT_* variables.
"""

import fcntl
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

TOKEN = re.compile(r"[\x21-\x7e]{1,512}")


class ProfileError(Exception):
    """The file or a token cannot be used; the text says which and how to put it right."""


@dataclass(frozen=True)
class Profiles:
    """Tokens by URL; `current` is the URL used when none is named."""

    current: str | None = None
    tokens: Mapping[str, str] = field(default_factory=dict)


def config_path(environ: Mapping[str, str] = os.environ) -> Path:
    base = environ.get("XDG_CONFIG_HOME") or ""
    # The XDG rules say that a relative path is to be ignored.
    folder = Path(base) if base.startswith("/") else Path(environ.get("HOME") or Path.home()) / ".config"
    return folder / "nightshift" / "client.json"


def checked_token(token: str, source: str) -> str:
    """The token without surrounding space; refuses what cannot stand in a header."""
    stripped = token.strip()
    if not stripped:
        raise ProfileError(f"{source} holds no token")
    if not TOKEN.fullmatch(stripped):
        raise ProfileError(f"{source} does not hold a token: one line of visible ASCII characters is expected")
    return stripped


def load(path: Path) -> Profiles:
    """What is stored; nothing when the file does not exist. Refuses a file that others could read or write."""
    try:
        with path.open(encoding="utf-8") as file:
            _check_owner(path, os.fstat(file.fileno()))
            return _from_json(path, json.load(file))
    except FileNotFoundError:
        return Profiles()
    except (ValueError, OSError) as error:
        raise ProfileError(f"cannot read {path}: {error}") from error


def add(path: Path, url: str, token: str, make_current: Callable[[Profiles], bool]) -> Profiles:
    """Store or replace the token of `url`; `make_current` decides on what is stored already."""
    token = checked_token(token, "the given value")
    with _locked(path):
        profiles = load(path)
        current = url if make_current(profiles) else profiles.current
        profiles = replace(profiles, current=current, tokens={**profiles.tokens, url: token})
        _save(path, profiles)
    return profiles


def _check_owner(path: Path, status: os.stat_result) -> None:
    mode = status.st_mode & 0o777
    if mode & 0o077:
        raise ProfileError(f"{path} holds tokens and others may use it (mode {mode:04o}); run: chmod 600 {path}")
    if status.st_uid != os.geteuid():
        raise ProfileError(f"{path} belongs to another user (uid {status.st_uid})")


def _from_json(path: Path, value: object) -> Profiles:
    if not isinstance(value, dict) or not isinstance(value.get("profiles", {}), dict):
        raise ProfileError(f"{path} is damaged: an object with current and profiles is expected")
    tokens = {}
    for url, profile in value.get("profiles", {}).items():
        if not isinstance(profile, dict) or not isinstance(profile.get("token"), str):
            raise ProfileError(f"{path} is damaged: the profile of {url} has no token")
        tokens[url] = checked_token(profile["token"], f"the profile of {url} in {path}")
    current = value.get("current")
    if current is not None and not isinstance(current, str):
        raise ProfileError(f"{path} is damaged: current must be a URL")
    return Profiles(current, tokens)


def _save(path: Path, profiles: Profiles) -> None:
    # A link to the file, as people keep their settings in one folder, stays a link.
    target = Path(os.path.realpath(path))
    value = {"current": profiles.current, "profiles": {url: {"token": token} for url, token in profiles.tokens.items()}}
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".client-")  # mkstemp makes it 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(value, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the folder: two servers that start at once must not lose each other's profile."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ProfileError(f"cannot write {path}: {error}") from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    except OSError as error:
        raise ProfileError(f"cannot write {path}: {error}") from error
    finally:
        os.close(folder)
