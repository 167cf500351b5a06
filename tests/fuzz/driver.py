"""Sends requests made from a schema to the application in this process, and holds each answer against the schema.

FUZZ_EXAMPLES is how many requests each call gets from each role, SEED makes a run again. Knows no call by name.
"""

import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2"))
SEED = int(os.environ.get("SEED") or random.randrange(2**32))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]

Headers = Mapping[str, str]


@dataclass
class Found:
    """How many requests were answered, and what was wrong with which call."""

    answered: int = 0
    wrong: list[str] = field(default_factory=list)


def fuzz(raw_schema: dict[str, Any], callers: Sequence[Headers], known: dict[str, list[Any]], found: Found) -> None:
    """Every call of the schema; each request is sent by every caller, with his headers. `known` are values of path
    parameters that exist, taken for most requests.
    """
    schema = schemathesis.openapi.from_dict(raw_schema)
    schema.app = WSGIHandler()
    schema.location = "/"
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in MODES:
            try:
                _fuzz_one(operation.as_strategy(generation_mode=mode), callers, known, found)
            except (FailureGroup, BaseExceptionGroup) as failures:
                where = f"{operation.label} ({mode.value}, SEED={SEED})"
                found.wrong += [f"{where}: {error}" for error in failures.exceptions]
            except Unsatisfiable:
                continue  # a call without parameters cannot be called wrongly


def _fuzz_one(cases: Any, callers: Sequence[Headers], known: dict[str, list[Any]], found: Found) -> None:
    @seed(SEED)
    @hypothesis_settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate] if EXAMPLES < 20 else [Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, choice=st.integers(0, 2**16))
    def one(case: Any, choice: int) -> None:
        if choice % 4:
            for name in case.path_parameters or {}:
                if known.get(name):
                    case.path_parameters[name] = known[name][choice % len(known[name])]
        for headers in callers:
            case.call_and_validate(headers=dict(headers), checks=CHECKS)
            found.answered += 1

    run: Callable[[], None] = one
    run()
