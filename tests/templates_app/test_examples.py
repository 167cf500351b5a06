"""The example templates are bash that bash accepts."""

import subprocess
from typing import Any

import pytest

from templates_app.examples import EXAMPLES


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["name"])
def test_bash_can_read_it(example: dict[str, Any]) -> None:
    script = example["version"]["script_content"]
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert script.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail\n" in script
