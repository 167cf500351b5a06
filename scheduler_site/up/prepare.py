"""What must be true before the server starts: tables up to date, static files collected. Does nothing twice."""

import hashlib
from importlib.metadata import version
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from scheduler_site.serving.start import pending_migrations

WITH_STATIC_FILES = ("Django", "djangorestframework", "drf-spectacular-sidecar", "whitenoise")


def prepare() -> None:
    if pending_migrations():
        call_command("migrate", interactive=False, verbosity=0)
    collect_static()


def collect_static() -> None:
    """Copies and compresses anew only when the bundle or a package with static files changed."""
    stamp = settings.STATIC_ROOT / ".stamp"
    wanted = fingerprint(settings.DIST_DIR)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(wanted)


def fingerprint(dist: Path) -> str:
    facts = [f"{name} {version(name)}" for name in WITH_STATIC_FILES]
    for path in sorted(dist.rglob("*")):
        if path.is_file():
            facts.append(f"{path.relative_to(dist)} {hashlib.sha256(path.read_bytes()).hexdigest()}")
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()
