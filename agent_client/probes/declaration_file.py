"""Reads the file of `--declare`, JSON or TOML, and says exactly what is wrong with it. Plays nothing."""

import json
import tomllib
import uuid
from pathlib import Path
from typing import Any

from agent_client.probes.declared import Declaration, GpuUsage, UsageStep
from agent_client.probes.gpu import GpuReading
from agent_client.probes.shape import Shape, ShapeError


class DeclarationError(Exception):
    """The file cannot be used; the message names the file, the field and what it should be."""


def load_declaration(path: Path, identity: str) -> Declaration:
    """Read and check `path`. `identity` makes the UUIDs of cards without one: stable, and different per agent."""
    try:
        return _declaration(Shape(_parse(path)), identity)
    except ShapeError as error:
        raise DeclarationError(f"{path}: {error}") from error


def _parse(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DeclarationError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DeclarationError(f"{path} is not UTF-8 text") from error
    try:
        return tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise DeclarationError(f"{path} cannot be understood: {error}") from error


def _declaration(shape: Shape, identity: str) -> Declaration:
    shape.allow("cpu_cores", "memory_mib", "gpus", "usage", "repeat_seconds")
    gpus = tuple(_card(card, index, identity) for index, card in enumerate(shape.items("gpus")))
    steps = tuple(_step(step, len(gpus)) for step in shape.items("usage"))
    if list(steps) != sorted(steps, key=lambda step: step.at_seconds):
        raise ShapeError("usage must be in the order of at_seconds")
    uuids = [card.uuid for card in gpus]
    if len(set(uuids)) != len(uuids):
        raise ShapeError("gpus: two cards have the same uuid")
    return Declaration(
        cpu_cores=shape.number("cpu_cores", least=0.01),
        memory_mib=shape.whole("memory_mib", least=1),
        gpus=gpus,
        usage=steps,
        repeat_seconds=shape.optional_number("repeat_seconds", least=1),
    )


def _card(shape: Shape, index: int, identity: str) -> GpuReading:
    shape.allow("name", "memory_mib", "uuid")
    made_up = f"GPU-{uuid.uuid5(uuid.NAMESPACE_URL, f'nightshift:{identity}:{index}')}"
    return GpuReading(
        index=index,
        uuid=shape.text("uuid", made_up),
        name=shape.text("name"),
        memory_mib=shape.whole("memory_mib", least=1),
    )


def _step(shape: Shape, gpu_count: int) -> UsageStep:
    shape.allow("at_seconds", "cpu_usage", "memory_used_mib", "gpus")
    gpus = tuple(_gpu_usage(gpu) for gpu in shape.items("gpus"))
    if len(gpus) > gpu_count:
        raise ShapeError(f"{shape.path}.gpus names more cards than are declared")
    return UsageStep(
        at_seconds=shape.optional_number("at_seconds", least=0) or 0.0,
        cpu_usage=shape.optional_number("cpu_usage", least=0, most=100),
        memory_used_mib=shape.optional_whole("memory_used_mib", least=0),
        gpus=gpus,
    )


def _gpu_usage(shape: Shape) -> GpuUsage:
    shape.allow("memory_used_mib", "utilization", "temperature_c", "power_w", "is_lost")
    return GpuUsage(
        memory_used_mib=shape.optional_whole("memory_used_mib", least=0),
        utilization=shape.optional_number("utilization", least=0, most=100),
        temperature_c=shape.optional_number("temperature_c"),
        power_w=shape.optional_number("power_w", least=0),
        is_lost=shape.flag("is_lost"),
    )
