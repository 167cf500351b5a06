#!/usr/bin/env bash
# Step 5 of 7: trains a recurrent network in numpy. After step 3.
#
# Submitted with --retries: when the host dies or the process is killed, Nightshift starts the script again with the next
# TASK_ATTEMPT, and the training goes on from its checkpoint in $EXAMPLE_RUN_DIR.
# OMP_NUM_THREADS is set by Nightshift to the CPU cores that the task asked for; numpy obeys it.
set -euo pipefail

echo "task $TASK_ID, attempt $TASK_ATTEMPT, on $(hostname), with $OMP_NUM_THREADS thread(s)"
# exec: the signals that end a task reach the training itself, which then saves a checkpoint.
exec "$EXAMPLE_DIR/venv/bin/python" -m lm.train
