"""Runs `node --test` on the modules that need no browser. Skipped without Node: the bundle can be built elsewhere."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NODE = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))


@pytest.mark.skipif(NODE is None, reason="no Node on this machine")
@pytest.mark.parametrize("file", sorted(HERE.glob("*.test.mjs")), ids=lambda path: path.stem)
def test_node(file: Path) -> None:
    assert NODE is not None
    done = subprocess.run([NODE, "--test", str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
