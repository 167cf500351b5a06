#!/usr/bin/env bash
# Step 6 of 7: scores the network on all of the validation text, beside the baselines, and lets it write.
# After steps 4 and 5.
set -euo pipefail

"$EXAMPLE_DIR/venv/bin/python" -m lm.evaluate
