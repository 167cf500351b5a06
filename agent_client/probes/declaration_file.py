"""Reads the file of `--declare`, JSON or TOML, and says exactly what is wrong with it. Plays nothing."""

import json
import tomllib
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from agent_client import offer
from agent_client.offer import Offer, OfferError
from agent_client.probes.declared import Declaration, UsageStep
from agent_client.probes.gpu import GpuReading
from agent_client.probes.shape import Shape, ShapeError
from agent_client.probes.usage_step import usage_step

Value = TypeVar("Value")
FIELDS = (
    "cpu_cores",
    "memory_mib",
    "disk_mib",
    "gpus",
    "usage",
    "repeat_seconds",
    "usage_file",
    "address",
    "zone",
    "capabilities",
    "resources",
)


class DeclarationError(Exception):
    """The file cannot be used; the message names the file, the field and what it should be."""


def load_declaration(path: Path, identity: str) -> Declaration:
    """Read and check `path`. `identity` makes the UUIDs of cards without one: stable, and different per agent."""
    try:
        return _declaration(Shape(_parse(path)), identity, path.parent)
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


def _declaration(shape: Shape, identity: str, folder: Path) -> Declaration:
    shape.allow(*FIELDS)
    gpus = _cards(shape, identity)
    usage = _usage(shape, len(gpus))
    usage_file = shape.optional_text("usage_file")
    if usage_file and usage:
        raise ShapeError("usage and usage_file exclude each other")
    return Declaration(
        cpu_cores=shape.number("cpu_cores", least=0.01),
        memory_mib=shape.whole("memory_mib", least=1),
        gpus=gpus,
        usage=usage,
        repeat_seconds=shape.optional_number("repeat_seconds", least=1),
        usage_file=folder / usage_file if usage_file else None,
        disk_mib=shape.optional_whole("disk_mib", least=0),
        offer=_offer(shape),
    )


def _offer(shape: Shape) -> Offer:
    def said(name: str, read: Callable[[Any], Value], value: Any) -> Value:
        try:
            return read(value)
        except OfferError as error:
            raise ShapeError(f"{name} {error}") from None

    return Offer(
        address=said("address", offer.address, shape.optional_text("address")),
        zone=shape.optional_text("zone"),
        capabilities=said("capabilities", offer.capabilities, shape.texts("capabilities")),
        resources=said("resources", offer.counted, shape.values("resources")),
    )


def _usage(shape: Shape, gpu_count: int) -> tuple[UsageStep, ...]:
    steps = tuple(usage_step(step, gpu_count, "at_seconds") for step in shape.items("usage"))
    if list(steps) != sorted(steps, key=lambda step: step.at_seconds):
        raise ShapeError("usage must be in the order of at_seconds")
    return steps


def _cards(shape: Shape, identity: str) -> tuple[GpuReading, ...]:
    gpus = tuple(_card(card, index, identity) for index, card in enumerate(shape.items("gpus")))
    uuids = [card.uuid for card in gpus]
    if len(set(uuids)) != len(uuids):
        raise ShapeError("gpus: two cards have the same uuid")
    return gpus


def _card(shape: Shape, index: int, identity: str) -> GpuReading:
    shape.allow("name", "memory_mib", "uuid")
    made_up = f"GPU-{uuid.uuid5(uuid.NAMESPACE_URL, f'nightshift:{identity}:{index}')}"
    return GpuReading(
        index=index,
        uuid=shape.text("uuid", made_up),
        name=shape.text("name"),
        memory_mib=shape.whole("memory_mib", least=1),
    )
