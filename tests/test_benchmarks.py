"""The statistics of ``make bench BASE=...`` on drawn ratios: false alarms, and what is found."""

import random
import runpy
from pathlib import Path

import pytest

VERDICTS = runpy.run_path(str(Path(__file__).parent / "benchmarks/verdicts.py"))
interval, suspect = VERDICTS["interval"], VERDICTS["suspect"]
credible, undecided = VERDICTS["credible"], VERDICTS["undecided"]
LIMIT = VERDICTS["LIMITS"]["time"]
NOISE = 0.06  # of one generation on a machine with two other jobs; 0.01 to 0.03 on a quiet one


AGAIN = 0.04  # of one of the second measurement, which takes more rounds


def draw(rng: random.Random, ratio: float, count: int, noise: float) -> list[float]:
    """Ratios of generations; one in twenty is far off, as after a burst of other work."""
    outliers = [rng.gauss(1, 0.5) if rng.random() < 0.05 else 1.0 for _ in range(count)]
    return [ratio * outlier * rng.lognormvariate(0, noise) for outlier in outliers]


def found(rng: random.Random, ratio: float) -> bool:
    first, second = draw(rng, ratio, 5, NOISE), draw(rng, ratio, 8, AGAIN)
    return suspect(first, LIMIT) and credible(second, LIMIT)


def test_the_same_code_does_not_fail():
    rng = random.Random(0)
    assert sum(found(rng, 1.0) for _ in range(20_000)) == 0  # 130 measures in 150 runs


def test_a_fifth_more_time_is_found():
    rng = random.Random(0)
    share = sum(found(rng, 1.2) for _ in range(2000)) / 2000
    assert share > 0.95  # of single measures; a slower function is in several


def test_just_below_the_limit_seldom_fails():
    rng = random.Random(0)
    assert sum(found(rng, 1.08) for _ in range(2000)) / 2000 < 0.05


def test_the_interval_covers_the_median_as_often_as_it_says():
    rng = random.Random(0)
    for count in (5, 8):
        drawn = [interval([rng.expovariate(1) for _ in range(count)]) for _ in range(5000)]
        covered = sum(low <= 0.6931 <= high for low, high in drawn) / 5000  # median: log 2
        assert covered > 1 - VERDICTS["MISSED"] - 0.01  # 0.01: 2.6 standard errors


def test_one_outlier_of_eight_changes_no_verdict():
    slow = [1.22, 1.24, 1.25, 1.25, 1.26, 1.27, 1.28]
    assert credible([*slow, 0.6], LIMIT)
    assert not credible([1.0] * 7 + [9.0], LIMIT)


def test_few_exact_ratios_span_their_interval():
    assert interval([1.06, 1.06]) == (1.06, 1.06)


@pytest.mark.parametrize(
    ("ratios", "open_"), [([], True), ([1.0], True), ([1.0, 1.05], False), ([1.2] * 7, True)]
)
def test_measuring_again_stops_once_it_cannot_fail_any_more(ratios: list[float], open_: bool):
    assert undecided(ratios, LIMIT, 8) is open_
