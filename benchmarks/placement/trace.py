"""Reads node files and task lists as the planner's values. Both are CSV with a header; a bad line is named.

Units of the data are kept: cores in thousandths stand where the planner counts hundredths, and a card has 1,000
thousandths where it counts MiB. The planner only compares and subtracts, so the unit does not matter to it.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from tasks.scheduling.values import Card, Host, Shape

CARD_MILLI = 1000


class BadTrace(ValueError):
    """Names the file, the line and the column."""


def read_nodes(path: Path) -> list[Host]:
    """Columns sn, cpu_milli, memory_mib, gpu (how many) and model."""
    return [_node(path, line, row) for line, row in _rows(path, ("sn", "cpu_milli", "memory_mib", "gpu", "model"))]


def read_tasks(path: Path) -> list[Shape]:
    """Columns cpu_milli, memory_mib, num_gpu, gpu_milli (of each card) and, if there are any, gpu_spec: allowed models,
    parted by |."""
    return [_task(path, line, row) for line, row in _rows(path, ("cpu_milli", "memory_mib", "num_gpu", "gpu_milli"))]


def gpu_milli(shape: Shape) -> int:
    """Thousandths of cards that a task asks for in all."""
    return shape.gpu_count * (shape.gpu_memory_mib if shape.gpu_share else CARD_MILLI)


def _node(path: Path, line: int, row: dict[str, str]) -> Host:
    cores, memory, count = (_whole(path, line, row, name) for name in ("cpu_milli", "memory_mib", "gpu"))
    cards = [Card(line * 100 + index, index, CARD_MILLI, CARD_MILLI, name=row["model"]) for index in range(count)]
    return Host(row["sn"], row["sn"], cores, cores, memory, memory, cards)


def _task(path: Path, line: int, row: dict[str, str]) -> Shape:
    count, milli = _whole(path, line, row, "num_gpu"), _whole(path, line, row, "gpu_milli")
    if milli > CARD_MILLI:
        raise BadTrace(f"{path}, line {line}: gpu_milli is {milli}, more than one card's {CARD_MILLI}")
    is_part = count > 0 and 0 < milli < CARD_MILLI
    return Shape(
        cpu_centicores=_whole(path, line, row, "cpu_milli"),
        memory_mib=_whole(path, line, row, "memory_mib"),
        gpu_count=count,
        gpu_memory_mib=milli if is_part else 0,
        gpu_share=is_part,
        gpu_types=tuple(sorted(word for word in (row.get("gpu_spec") or "").split("|") if word)) if count else (),
    )


def _rows(path: Path, names: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in names if name not in (reader.fieldnames or ())]
        if missing:
            raise BadTrace(f"{path}: the header has no {', '.join(missing)}")
        yield from enumerate(reader, start=2)


def _whole(path: Path, line: int, row: dict[str, str], name: str) -> int:
    text = (row[name] or "").strip()
    if not text.isdigit():
        raise BadTrace(f"{path}, line {line}: {name} is {text!r}, not a whole number of 0 or more")
    return int(text)
