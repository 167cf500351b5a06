#!/usr/bin/env bash
# Step 3 of 7: keeps the prose, drops what is doubled, sets whole documents aside for validation, and turns the text
# into tokens. After steps 1 and 2.
set -euo pipefail

python="$EXAMPLE_DIR/venv/bin/python"
"$python" -m lm.clean
"$python" -m lm.tokens
