"""Step 3: turns gathered documents into plain paragraphs of prose without doubles, and sets whole documents aside for
validation. Does not split into tokens (tokens.py does)."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator

from tqdm import tqdm

from lm.files import report, run_path, write_text

VALID_SHARE = 0.06  # of the text
PARAGRAPH_LETTERS_MIN = 40
LETTER_SHARE_MIN = 0.7  # tables, drawings and code fall below it


def normal_text(text: str) -> str:
    """One form for each character, plain quotes and dashes, nothing that is not printable ASCII or a line's end."""
    text = unicodedata.normalize("NFKD", text.replace("\r\n", "\n"))
    for odd, plain in (("\u2018\u2019", "'"), ("\u201c\u201d", '"'), ("\u2013\u2014", "-")):
        text = re.sub(f"[{odd}]", plain, text)
    return re.sub(r"[^\n -~]", "", text.expandtabs(8))


def is_prose(paragraph: str) -> bool:
    letters = sum(character.isalpha() for character in paragraph)
    long_enough = letters >= PARAGRAPH_LETTERS_MIN and letters >= LETTER_SHARE_MIN * len(paragraph)
    return long_enough and ">>>" not in paragraph


def paragraphs(text: str) -> Iterator[str]:
    """The prose of a document, one line per paragraph."""
    for block in re.split(r"\n\s*\n", normal_text(text)):
        paragraph = re.sub(r"\s+", " ", re.sub(r"[*_=`#~|-]{2,}", " ", block)).strip()
        if is_prose(paragraph):
            yield paragraph


def fingerprint(paragraph: str) -> bytes:
    """The same for paragraphs that differ only in capitals, digits and punctuation."""
    return hashlib.blake2b(re.sub(r"[^a-z]", "", paragraph.lower()).encode(), digest_size=12).digest()


def without_doubles(documents: Iterable[dict[str, str]]) -> tuple[dict[str, str], int]:
    """The cleaned text of each document by its name, and how many paragraphs were dropped as known already."""
    seen: set[bytes] = set()
    texts: dict[str, str] = {}
    doubles = 0
    for document in documents:
        fresh = []
        for paragraph in paragraphs(document["text"]):
            mark = fingerprint(paragraph)
            doubles += mark in seen
            if mark not in seen:
                seen.add(mark)
                fresh.append(paragraph)
        if fresh:
            texts[document["name"]] = "\n".join(fresh)
    return texts, doubles


def names_for_validation(texts: dict[str, str]) -> set[str]:
    """Whole documents, picked by a hash of their names, as long as they fit into the validation share."""
    room = VALID_SHARE * sum(map(len, texts.values()))
    names = set()
    for name in sorted(texts, key=lambda one: hashlib.sha256(b"valid" + one.encode()).digest()):
        if len(texts[name]) <= room:
            room -= len(texts[name])
            names.add(name)
    return names


def main() -> None:
    lines = run_path("corpus.jsonl").read_text(encoding="utf-8").splitlines()
    texts, doubles = without_doubles(json.loads(line) for line in tqdm(lines, "documents", ncols=100))
    chosen = names_for_validation(texts)
    train, valid = ([text for name, text in texts.items() if (name in chosen) == wanted] for wanted in (False, True))
    if not train or not valid:
        raise SystemExit(f"too little text: {len(train)} documents to learn from, {len(valid)} to check with")
    for file_name, part in (("train.txt", train), ("valid.txt", valid)):
        write_text(run_path(file_name), "\n\n".join(part) + "\n")
    report(
        {
            "documents_train": len(train),
            "documents_valid": len(valid),
            "bytes_train": run_path("train.txt").stat().st_size,
            "bytes_valid": run_path("valid.txt").stat().st_size,
            "doubles_dropped": doubles,
        }
    )


if __name__ == "__main__":
    main()
