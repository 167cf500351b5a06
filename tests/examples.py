"""How many examples a property test tries: as many as its test says in `make test`, EXAMPLES times as many by night
(`make properties`). Each run draws others."""

import os

TIMES = int(os.environ.get("EXAMPLES", "1"))


def examples(count: int) -> int:
    return count * TIMES
