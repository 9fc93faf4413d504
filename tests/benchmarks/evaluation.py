"""A paired bootstrap of two models against the obvious loop: resample the rows, call scikit-learn, twice per metric.

    uv run --extra dev python tests/benchmarks/evaluation.py [--json] [--quick] [--rows 100000] [--resamples 1000]

The loop is measured on a few resamples in the same run and extrapolated: in full it takes minutes.
"""

import sys
import time

import numpy as np
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from table import report, row

from taxiway.engines.evaluation import measure
from taxiway.engines.metrics import Answers, Truth

METRICS = ("roc_auc", "log_loss", "accuracy")
TRIED = 5


def number(argv, name, default):
    return int(argv[argv.index(name) + 1]) if name in argv else default


def simulated(rows):
    random = np.random.default_rng(0)
    codes = (random.random(rows) < 0.22).astype(np.int32)
    answers = []
    for noise in (1.0, 1.1):
        score = 1 / (1 + np.exp(1.5 - 2 * codes - noise * random.normal(size=rows)))
        label = (score > 0.5).astype(np.int32)
        answers.append(Answers(label.astype(float), label, np.column_stack([1 - score, score])))
    return Truth(codes.astype(float), codes, (0, 1)), answers


def loop(truth, answers, resamples):
    random, rows = np.random.default_rng(0), truth.rows
    for _ in range(resamples):
        chosen = random.integers(0, rows, rows)
        true = truth.codes[chosen]
        for answer in answers:
            score, label = answer.scores[chosen, 1], answer.codes[chosen]
            roc_auc_score(true, score), log_loss(true, score), accuracy_score(true, label)


def cpu_s(work):
    before = time.process_time()
    work()
    return time.process_time() - before


def main(argv):
    few = (20_000, 300) if "--quick" in argv else (100_000, 1000)
    rows, resamples = number(argv, "--rows", few[0]), number(argv, "--resamples", few[1])
    truth, answers = simulated(rows)
    ours = cpu_s(lambda: measure(truth, answers, METRICS, resamples=resamples))
    theirs = cpu_s(lambda: loop(truth, answers, TRIED)) / TRIED * resamples
    what = f"{resamples:,} resamples x {rows:,} rows x 3 metrics x 2 models"
    return report(
        [
            row(f"CPU seconds of {what}", ours, 5.0, at_most=True),
            row("times faster than a loop over scikit-learn's functions", theirs / ours, 20.0, at_most=False),
            row(f"CPU seconds of that loop, from {TRIED} resamples", theirs, None, at_most=True),
        ],
        argv,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
