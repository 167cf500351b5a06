"""Three templates to begin with, made by one click while there are none: plain bash, each useful as it stands."""

from typing import Any

from django.db import transaction

from templates_app import editing
from templates_app.models import ScriptTemplate

_BASH = """\
#!/usr/bin/env bash
# Replace the last lines by what is to be run.
set -euo pipefail

echo "task $TASK_ID, attempt $TASK_ATTEMPT, on $(hostname)"
nproc
"""

_PREPARE = """\
#!/usr/bin/env bash
# Prepares a data set: reads SOURCE, writes TARGET, and leaves TARGET alone when it is there already.
set -euo pipefail

SOURCE="${SOURCE:-$HOME/data/raw}"
TARGET="${TARGET:-$HOME/data/prepared}"

if [ -e "$TARGET/done" ]; then
    echo "$TARGET is there already"
    exit 0
fi

mkdir -p "$TARGET"
find "$SOURCE" -name '*.txt' -print0 | sort -z | while IFS= read -r -d '' file; do
    echo "cleaning $file"
    tr -s '[:space:]' ' ' < "$file" >> "$TARGET/corpus.txt"
done
wc -c "$TARGET/corpus.txt"
touch "$TARGET/done"
"""

_TRAIN = """\
#!/usr/bin/env bash
# Trains on the GPU that Nightshift chose (CUDA_VISIBLE_DEVICES) and goes on from the last checkpoint after a retry.
set -euo pipefail

RUN="${RUN:-$HOME/runs/$TASK_ID}"
mkdir -p "$RUN"
nvidia-smi --query-gpu=index,name,memory.total --format=csv

arguments=(--output "$RUN" --epochs "${EPOCHS:-3}")
if [ -e "$RUN/checkpoint.pt" ]; then
    arguments+=(--resume "$RUN/checkpoint.pt")
fi
python train.py "${arguments[@]}"

# A small result as JSON is shown with the task.
echo "{\\"run\\": \\"$RUN\\"}" > "$TASK_RESULT"
"""

EXAMPLES: tuple[dict[str, Any], ...] = (
    {
        "name": "bash",
        "description": "A plain script on one CPU core.",
        "version": {"script_content": _BASH},
    },
    {
        "name": "prepare-data",
        "description": "Clean text files into one corpus; skips what is done already.",
        "version": {"script_content": _PREPARE, "cpu_cores": 2, "memory_mib": 4096, "priority": 2},
    },
    {
        "name": "train",
        "description": "Train on one GPU and go on from the last checkpoint.",
        "version": {
            "script_content": _TRAIN,
            "cpu_cores": 4,
            "memory_mib": 16384,
            "gpu_count": 1,
            "gpu_memory": 16384,
            "time_limit_seconds": 86400,
        },
    },
)


@transaction.atomic
def create_all(user: Any = None) -> list[ScriptTemplate]:
    return [editing.create(user=user, **example) for example in EXAMPLES]
