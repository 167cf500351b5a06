#!/usr/bin/env bash
# Submits the language model example as a chain of seven tasks, waits for them and sums up. Ends with the exit code of
# the chain: that of the first task that did not complete, else 0.
#
#   environment ─┬─> clean ─┬─> baseline ─┬─> evaluate ──> plot
#   corpus ──────┘          └─> train ────┘
#
# Needs a running server whose main agent sees this folder (`make run` on the same machine).
#   EXAMPLE_SIZE    small (under a minute) or normal (minutes; the default)
#   EXAMPLE_DIR     where the environment and the runs are kept, default data/example in the repository
#   EXAMPLE_PYTHON  the Python that makes the environment, default that of the repository's .venv, else python3
#   NIGHTSHIFT_CLI  the command line to use, default .venv/bin/nightshift in the repository
set -euo pipefail

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
example="$repository/examples/language_model"
cli="${NIGHTSHIFT_CLI:-$repository/.venv/bin/nightshift}"
size="${EXAMPLE_SIZE:-normal}"
folder="$(realpath --canonicalize-missing "${EXAMPLE_DIR:-$repository/data/example}")"

fail() {
    echo "run.sh: $1" >&2
    exit 2
}

# The Python to use: the one that was named, else that of the repository, else the system's.
find_python() {
    local own="$repository/.venv/bin/python"
    command -v "${EXAMPLE_PYTHON:-$own}" || { [[ -z "${EXAMPLE_PYTHON:-}" ]] && command -v python3; }
}

python="$(find_python)" || fail "EXAMPLE_PYTHON=${EXAMPLE_PYTHON:-python3} was not found"
[[ "$size" == small || "$size" == normal ]] || fail "EXAMPLE_SIZE must be small or normal, not $size"
command -v "$cli" >/dev/null || fail "$cli is not there: run \`make run\` first, or set NIGHTSHIFT_CLI"

mkdir -p "$folder/runs"
run="$(mktemp -d "$folder/runs/$(date +%Y-%m-%d-%H%M%S)-XXXX")"
ids=()

# Ctrl-C, or a fault on the way: what was submitted goes on without us.
say_how_to_cancel() {
    (( ${#ids[@]} == 0 )) || echo "The submitted tasks go on. To end them: $cli cancel ${ids[*]}" >&2
}
trap say_how_to_cancel EXIT
trap 'exit 130' INT TERM

report() {
    "$python" "$repository/examples/report.py" --cli "$cli" "$1" "${ids[@]}"
}

# Waits for what was submitted, sums up and ends: with the exit code of the chain, or with $1 if the tasks went well.
finish() {
    local code=0
    (( ${#ids[@]} )) || exit "$1"
    "$cli" wait "${ids[@]}" || code=$?
    report summary
    trap - EXIT
    exit "$(( code ? code : $1 ))"
}

# Submits one step: the name of its script, then options for `nightshift submit`. Adds its id to the ids. A step is
# refused when one that it needs has failed already: then there is nothing more to submit.
submit() {
    local step="$1" id
    shift
    id="$("$cli" submit "$example/scripts/$step.sh" --name "example: ${step#*_}" --chdir "$example" \
        --env "EXAMPLE_SIZE=$size" --env "EXAMPLE_DIR=$folder" --env "EXAMPLE_RUN_DIR=$run" \
        --env "EXAMPLE_PYTHON=$python" --meta "example=language_model" --cpus 1 "$@")" || finish 1
    ids+=("$id")
}

submit 1_environment --mem 512M --time 15m
environment="${ids[-1]}"
submit 2_corpus --mem 512M --time 15m
corpus="${ids[-1]}"
submit 3_clean --mem 1G --time 15m --after "$environment,$corpus"
clean="${ids[-1]}"
submit 4_baseline --mem 1G --time 15m --after "$clean"
baseline="${ids[-1]}"
submit 5_train --mem 1G --time 2h --retries 3 --after "$clean"
train="${ids[-1]}"
submit 6_evaluate --mem 1G --time 30m --after "$baseline,$train"
evaluate="${ids[-1]}"
submit 7_plot --mem 512M --time 15m --after "$evaluate"

report links
finish 0
