"""Generated parts of a page: the text between `<!-- NAME: generated -->` and `<!-- NAME: end -->`."""


def section_of(page: str, name: str) -> str:
    """What stands between the marks; ValueError when a mark is missing."""
    _, _, rest = _split(page, _begin(name))
    text, _, _ = _split(rest, _end(name))
    return text.strip("\n")


def replace_section(page: str, name: str, text: str) -> str:
    before, mark, rest = _split(page, _begin(name))
    _, end, after = _split(rest, _end(name))
    return f"{before}{mark}\n{text}\n{end}{after}"


def _begin(name: str) -> str:
    return f"<!-- {name}: generated -->"


def _end(name: str) -> str:
    return f"<!-- {name}: end -->"


def _split(text: str, mark: str) -> tuple[str, str, str]:
    before, found, after = text.partition(mark)
    if not found:
        raise ValueError(f"the page has no {mark}")
    return before, found, after
