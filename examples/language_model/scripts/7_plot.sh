#!/usr/bin/env bash
# Step 7 of 7: draws $EXAMPLE_RUN_DIR/picture.png and leaves the figures in $TASK_RESULT, where the task's page, the REST
# interface and `nightshift show --json` find them. After step 6.
set -euo pipefail

# matplotlib keeps a font list; TASK_TMPDIR is deleted with the task, so nothing is left in the home directory.
MPLCONFIGDIR="$TASK_TMPDIR" "$EXAMPLE_DIR/venv/bin/python" -m lm.plot
