#!/usr/bin/env bash
# Step 4 of 7: how well does mere counting foretell the validation text? Token frequencies and n-grams.
#
# After step 3, beside the training: two tasks that need the same one run at the same time where there is room.
set -euo pipefail

"$EXAMPLE_DIR/venv/bin/python" -m lm.baseline
