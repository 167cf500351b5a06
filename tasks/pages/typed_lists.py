"""Names, numbers and amounts as people type them: `gpu-1, gpu-2`, `75, 137` and `matlab=1, bandwidth=2`. Pure. What a
name may be is checked at submission."""

from collections.abc import Iterable, Mapping


def parse_names(text: str) -> list[str]:
    """Between commas or line ends; empty ones are skipped."""
    return [part.strip() for part in text.replace("\n", ",").split(",") if part.strip()]


def show_names(names: Iterable[str]) -> str:
    return ", ".join(names)


def parse_numbers(text: str) -> list[int]:
    parts = parse_names(text)
    for part in parts:
        if not (part.isascii() and part.isdigit() and len(part) < 10):
            raise ValueError(f"“{part[:60]}” is not a number.")
    return [int(part) for part in parts]


def show_numbers(numbers: Iterable[int]) -> str:
    return ", ".join(str(number) for number in numbers)


def parse_amounts(text: str) -> dict[str, int]:
    """ValueError names the first part that cannot be read, or that is said twice."""
    found: dict[str, int] = {}
    for part in parse_names(text):
        name, equals, amount = (piece.strip() for piece in part.partition("="))
        is_number = amount.isascii() and amount.isdigit() and len(amount) < 10
        if not name or (equals and not is_number):
            raise ValueError(f"“{part[:60]}” is not a name and a number such as matlab=1.")
        if name in found:
            raise ValueError(f"{name[:60]} is there twice.")
        found[name] = int(amount) if equals else 1
    return found


def show_amounts(amounts: Mapping[str, int]) -> str:
    return ", ".join(f"{name}={amount}" for name, amount in amounts.items())
