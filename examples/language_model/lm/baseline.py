"""Step 4: how far does counting get? Scores the validation text with token frequencies and n-grams, so that the
network has something to be measured against. Needs no network and can run beside the training."""

from __future__ import annotations

import numpy as np
from tqdm import tqdm

from lm.files import hand_over, read_json, run_path, write_json, write_whole
from lm.ngram import frequencies, learn, probabilities
from lm.score import measures, table

ORDERS = {"bigram": 2, "trigram": 3, "4-gram": 4, "5-gram": 5}
# Every model is scored on the same tokens: those that have a full context in the longest n-gram.
FIRST_SCORED = max(ORDERS.values()) - 1
LONGEST = max(ORDERS, key=lambda name: ORDERS[name])


def main() -> None:
    train, valid = np.load(run_path("train.npy")), np.load(run_path("valid.npy"))
    base = len(read_json(run_path("vocabulary.json"))["pieces"])
    bytes_per_token = run_path("valid.txt").stat().st_size / len(valid)

    chances = {"unigram": frequencies(train, valid[FIRST_SCORED:], base)}
    for name, order in tqdm(ORDERS.items(), "n-grams", ncols=100):
        chances[name] = probabilities(learn(train, order, base), valid, base, FIRST_SCORED)
    results = {name: measures(float(-np.log(row).mean()), bytes_per_token) for name, row in chances.items()}
    write_whole(run_path("baseline.npy"), lambda stream: np.save(stream, chances[LONGEST]))
    write_json(run_path("baseline.json"), results)
    print(table(results))
    hand_over(results)


if __name__ == "__main__":
    main()
