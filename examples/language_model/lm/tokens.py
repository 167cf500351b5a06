"""Step 3, second half: learns a byte-pair vocabulary from the training text and writes both texts as token numbers.
A token is a piece of a word: 256 single bytes first, then the pairs that occur most often, merged again and again."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from tqdm import tqdm

from lm.files import read_json, report, run_path, write_json, write_whole
from lm.settings import chosen_size

Pair = tuple[int, int]
WORD = re.compile(r" ?[A-Za-z]+| ?[0-9]| ?[^\sA-Za-z0-9]+|\s+?")


def merged(word: list[int], pair: Pair, token: int) -> list[int]:
    """`word` with every `pair` replaced by `token`, from the left."""
    out: list[int] = []
    position = 0
    while position < len(word):
        if tuple(word[position : position + 2]) == pair:
            out.append(token)
            position += 2
        else:
            out.append(word[position])
            position += 1
    return out


class PairCounts:
    """How often each pair of neighbours occurs, kept up to date while words are merged."""

    def __init__(self, word_counts: Counter[str]) -> None:
        self.words = [(list(word.encode()), count) for word, count in sorted(word_counts.items())]
        self.counts: Counter[Pair] = Counter()
        self.places: defaultdict[Pair, set[int]] = defaultdict(set)
        for index in range(len(self.words)):
            self._count(index, 1)

    def _count(self, index: int, sign: int) -> None:
        word, count = self.words[index]
        for pair in pairwise(word):
            self.counts[pair] += sign * count
            if sign > 0:
                self.places[pair].add(index)

    def most_frequent(self) -> Pair | None:
        """Ties go to the smaller numbers, so that the same text always gives the same vocabulary."""
        best = min(self.counts.items(), key=lambda item: (-item[1], item[0]), default=None)
        return best[0] if best and best[1] > 1 else None

    def merge(self, pair: Pair, token: int) -> None:
        for index in self.places.pop(pair):
            self._count(index, -1)
            word, count = self.words[index]
            self.words[index] = (merged(word, pair, token), count)
            self._count(index, 1)
        del self.counts[pair]


def learn_merges(text: str, vocabulary: int) -> list[Pair]:
    """The pairs to merge, in order; the n-th makes token 256 + n."""
    pairs = PairCounts(Counter(WORD.findall(text)))
    merges: list[Pair] = []
    for token in tqdm(range(256, vocabulary), "vocabulary", ncols=100):
        pair = pairs.most_frequent()
        if pair is None:
            break
        pairs.merge(pair, token)
        merges.append(pair)
    return merges


class Tokenizer:
    def __init__(self, merges: Iterable[Iterable[int]]) -> None:
        self.pieces = [bytes([value]) for value in range(256)]
        self.rank: dict[Pair, int] = {}
        for left, right in merges:
            self.rank[left, right] = len(self.pieces)
            self.pieces.append(self.pieces[left] + self.pieces[right])
        self._known: dict[str, list[int]] = {}

    @classmethod
    def load(cls) -> Tokenizer:
        return cls(read_json(run_path("vocabulary.json"))["merges"])

    def encode_word(self, word: str) -> list[int]:
        tokens = list(word.encode())
        while len(tokens) > 1:
            pair = min(pairwise(tokens), key=lambda one: self.rank.get(one, 1 << 30))
            if pair not in self.rank:
                break
            tokens = merged(tokens, pair, self.rank[pair])
        return tokens

    def encode(self, text: str) -> list[int]:
        tokens: list[int] = []
        for word in WORD.findall(text):
            if word not in self._known:
                self._known[word] = self.encode_word(word)
            tokens += self._known[word]
        return tokens

    def decode(self, tokens: Iterable[int]) -> str:
        return b"".join(self.pieces[token] for token in tokens).decode("utf-8", errors="replace")


def main() -> None:
    texts = {part: run_path(f"{part}.txt").read_text(encoding="utf-8") for part in ("train", "valid")}
    merges = learn_merges(texts["train"], chosen_size().vocabulary)
    tokenizer = Tokenizer(merges)
    encoded = {part: np.array(tokenizer.encode(text), np.uint16) for part, text in texts.items()}
    for part, tokens in encoded.items():
        write_whole(run_path(f"{part}.npy"), lambda stream, tokens=tokens: np.save(stream, tokens))
    pieces = [piece.decode("latin-1") for piece in tokenizer.pieces]
    write_json(run_path("vocabulary.json"), {"merges": merges, "pieces": pieces})
    report(
        {
            "vocabulary": len(pieces),
            "tokens_train": len(encoded["train"]),
            "tokens_valid": len(encoded["valid"]),
            "bytes_per_token": round(len(texts["valid"].encode()) / len(encoded["valid"]), 3),
        }
    )


if __name__ == "__main__":
    main()
