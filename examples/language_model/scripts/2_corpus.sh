#!/usr/bin/env bash
# Step 2 of 7: gathers English text from this machine into $EXAMPLE_RUN_DIR/corpus.jsonl.
#
# Needs Python alone, so it runs beside step 1. The same machine always gives the same corpus.
set -euo pipefail

echo "task $TASK_ID on $(hostname): a corpus of size $EXAMPLE_SIZE"
"${EXAMPLE_PYTHON:-python3}" -m lm.gather
