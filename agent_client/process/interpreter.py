"""Which program runs a script: the one its first line names, otherwise bash. Pure but for the search in PATH."""

import shutil
from pathlib import PurePosixPath

DEFAULT = "bash"
WHERE_BASH_LIVES = "/bin/bash"


def interpreter_of(script: str, search_path: str | None) -> list[str]:
    """The program and its arguments, to which the script's path is appended.

    A first line `#!/bin/bash -l -x` gives every word its own argument; for env the rest of the line stays one argument,
    as the kernel does it, so that `env -S` can split it by its own rules.
    """
    words = _first_line_words(script)
    if not words:
        return [shutil.which(DEFAULT, path=search_path) or WHERE_BASH_LIVES]
    program, *rest = words
    if "/" not in program:
        program = shutil.which(program, path=search_path) or program
    return [program, *rest]


def _first_line_words(script: str) -> list[str]:
    first_line = script.split("\n", 1)[0].rstrip("\r")
    if not first_line.startswith("#!"):
        return []
    line = first_line[2:].strip()
    program, _, rest = line.partition(" ")
    if PurePosixPath(program).name == "env":
        return [program, rest.strip()] if rest.strip() else [program]
    return line.split()
