"""In processes of their own: this one has imported everything."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from scheduler_site.serving.imports import hidden
from tests.running import ROOT, environment

SERVER = """
import sys
import django
django.setup()
import scheduler_site.serving.start
from scheduler_site.serving import imports
imports.import_all(with_tls=len(sys.argv) > 1)
assert "scheduler_site.urls" in sys.modules and "daphne.server" in sys.modules
print(*sys.modules)
"""
NOT_FOR_ALL = {"psycopg", "requests", "urllib3", "click", "cbor2", "OpenSSL", "cryptography.x509"}


def imported(folder: Path, *arguments: str) -> set[str]:
    names = {**environment(folder, 8000), "DJANGO_SETTINGS_MODULE": "scheduler_site.settings"}
    done = subprocess.run(
        [sys.executable, "-c", SERVER, *arguments], cwd=ROOT, env=names, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split()) & NOT_FOR_ALL


def test_a_server_takes_along_no_package_that_it_does_not_use(tmp_path: Path) -> None:
    assert imported(tmp_path) == set()


def test_only_one_with_tls_has_tls(tmp_path: Path) -> None:
    assert imported(tmp_path, "tls") == {"OpenSSL", "cryptography.x509"}


def test_what_is_hidden_is_there_again_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with hidden("colorsys", "json"):
        with pytest.raises(ImportError):
            import_module("colorsys")
        assert import_module("json") is sys.modules["json"]
    assert import_module("colorsys")
