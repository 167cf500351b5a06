#!/usr/bin/env bash
# Step 1 of 7: the example's own Python environment, with the libraries of requirements.txt.
#
# Lies in $EXAMPLE_DIR/venv and is kept for the next run: a file named "complete" is written last and says what it was
# made of, so a half-made or outdated environment is made again. Two chains at once: the second waits for the first.
set -euo pipefail

venv="$EXAMPLE_DIR/venv"
python="${EXAMPLE_PYTHON:-python3}"

echo "task $TASK_ID, attempt $TASK_ATTEMPT, on $(hostname), with $("$python" --version)"
mkdir -p "$EXAMPLE_DIR"
exec 9>"$EXAMPLE_DIR/venv.lock"
flock 9

wanted="$("$python" -VV) $(sha256sum requirements.txt)"
if [[ -f "$venv/complete" && "$(<"$venv/complete")" == "$wanted" ]]; then
    echo "the environment in $venv is complete: nothing to do"
    exit 0
fi

rm -rf "$venv"
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --disable-pip-version-check --progress-bar off -r requirements.txt
"$venv/bin/python" -c "import matplotlib, numpy, tqdm"
echo "$wanted" >"$venv/complete"
echo "made the environment in $venv"
