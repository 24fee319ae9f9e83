"""Report sections on the bias that counts are compared with, and predicted generalization."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from contextual_counting.analysis import figures
from contextual_counting.analysis.attribution import (
    Attribution,
    at_length,
    attribute,
    brackets,
    predict,
)
from contextual_counting.analysis.token_kinds import KINDS
from contextual_counting.analysis.trained_network import FEW, MANY, Case, key, region_names
from contextual_counting.data.datamodule import VALIDATION
from contextual_counting.evaluation.predictions import Answers, predict_sets
from sciformer.report.html import Cell, percent
from sciformer.report.report import Report

SOLVED = 0.95  # fraction of exact counts from which a region counts as solved


class Verdict(NamedTuple):
    """Predicted and measured accuracy of one region on one set.

    Args:
        name: Name of the set.
        region: Index of the region, from 0.
        bias: Accuracy predicted from the bias at the training length.
        predicted: Accuracy predicted with the attention extrapolated in length.
        measured: Measured accuracy.
        judged: Whether the prediction is scored: the region is solved on the training distribution,
            and this is another set.
    """

    name: str
    region: int
    bias: float
    predicted: float
    measured: float
    judged: bool


class Tally(NamedTuple):
    """How many pairs of region and set count or fail, and of how many that is predicted."""

    passing: int
    right_passing: int
    failing: int
    right_failing: int

    @property
    def shares(self) -> dict[str, float]:
        """Fraction that is predicted of those that count, and of those that fail; NaN of none."""
        pairs = {
            "passing": (self.right_passing, self.passing),
            "failing": (self.right_failing, self.failing),
        }
        return {name: hits / size if size else math.nan for name, (hits, size) in pairs.items()}

    @property
    def balanced(self) -> float:
        """Balanced accuracy: the mean of both fractions."""
        return sum(self.shares.values()) / 2

    def __str__(self) -> str:
        parts = [
            (self.right_passing, self.passing, "count"),
            (self.right_failing, self.failing, "fail"),
        ]
        return " and ".join(f"{hits} of {size} that {verb}" for hits, size, verb in parts if size)


def tally(verdicts: Sequence[Verdict]) -> Tally:
    """Count the verdicts that are judged."""
    judged = [v for v in verdicts if v.judged]
    passed = [v for v in judged if v.measured >= SOLVED]
    failed = [v for v in judged if v.measured < SOLVED]
    foretold = sum(v.predicted >= SOLVED for v in passed), sum(v.predicted < SOLVED for v in failed)
    return Tally(len(passed), foretold[0], len(failed), foretold[1])


def judge(case: Case, found: Attribution) -> list[Verdict]:
    """Predict and measure the accuracy of every region on every set.

    Args:
        case: Network and data.
        found: Attribution at the training length.

    Returns:
        A verdict for each region and set.
    """
    half = case.data.own._replace(length=case.data.own.length // 2)
    short = attribute(case.model, case.data.sequences(half, VALIDATION, MANY).tokens, case.regions)
    sets = predict_sets(case.module, case.data, case.samples, case.sets)
    return [v for answers in sets for v in _verdicts(case, short, found, answers, sets[0])]


def add_bias(report: Report, case: Case) -> Attribution:
    """Add the section on the bias: the tokens that each region's count is compared with.

    Args:
        report: Report to extend.
        case: Network and data.

    Returns:
        The attribution.
    """
    found = attribute(case.model, case.own().tokens, case.regions)
    for region in range(case.regions):
        leading = found.leading(region)
        text = ", ".join(f"{kind} {percent(share, 0)}" for kind, share in leading.items())
        report.add_result(f"region {region + 1} is compared with", text)
    shares = found.rest / found.rest.sum(1, keepdim=True)
    report.add_metrics(
        {
            f"bias/{key(kind)}/region{region}": shares[region, index]
            for index, kind in enumerate(KINDS[1:], 1)
            for region in range(case.regions)
        }
        | {f"bias/weight/region{r}": found.rest[r].sum() for r in range(case.regions)}
    )
    report.add_figure(
        "What a count is compared with",
        figures.bias_bars(found),
        "A prompt attends to the 1s of its region and to a rest; the ratio of both encodes the "
        "count. Shares of the rest by kind of token. A network counts wherever its rest is as in "
        "training: the beginning token, a region's own brackets and those of earlier regions are "
        "always as many; next and later brackets change with the number of regions, 0s and other "
        "1s with the length and the density.",
    )
    columns = ["Kind of token", *region_names(case.regions)]
    rows: list[list[Cell]] = [
        [kind, *(percent(value) for value in found.mass[:, index].tolist())]
        for index, kind in enumerate(KINDS)
    ]
    weights = found.rest.sum(1).tolist()
    rows.append(["weight of the rest, in own 1s", *(f"{weight:.1f}" for weight in weights)])
    report.add_table("Attention of each prompt by kind of token", columns, rows)
    report.add_figure(
        "Which bracket",
        figures.bracket_maps(brackets(case.model, case.own(FEW).tokens, case.regions)),
        f"Share of each prompt's attention on each bracket, mean of {FEW} sequences.",
    )
    return found


def add_predictions(report: Report, case: Case, found: Attribution) -> None:
    """Add the section on predicted and measured generalization.

    Args:
        report: Report to extend.
        case: Network and data.
        found: Attribution at the training length.
    """
    verdicts = judge(case, found)
    report.add_metrics(
        {
            f"{v.name}/{name}/region{v.region}": getattr(v, field)
            for v in verdicts
            for name, field in (("top1", "measured"), ("predicted", "predicted"))
        }
    )
    right = tally(verdicts)
    report.add_result("prediction of other sets is right for", str(right) or None)
    report.add_metrics(
        {"prediction/passing": right.passing, "prediction/failing": right.failing}
        | {f"prediction/right/{name}": share for name, share in right.shares.items()}
    )
    report.add_figure(
        "Which sets must fail, and which do",
        figures.predictions([(v.name, v.region, v.predicted, v.measured) for v in verdicts]),
        "One point per region and set. The prediction never asks the network about the set: it "
        "counts the tokens of each kind, shares out the attention as on the run's own sequences "
        "(carried on to the set's length from that length and half of it), and reads the count "
        "off with the network's head.",
    )
    rows: list[list[Cell]] = [
        [
            f"{v.name}, region {v.region + 1}",
            percent(v.bias),
            percent(v.predicted),
            percent(v.measured),
            "counts" if v.measured >= SOLVED else "fails",
            ("yes" if (v.predicted >= SOLVED) == (v.measured >= SOLVED) else "no")
            if v.judged
            else "-",
        ]
        for v in verdicts
    ]
    report.add_table(
        "Predicted and measured exact counts",
        ["Set, region", "bias alone", "predicted", "measured", "so it", "foretold"],
        rows,
        f"Counts: at least {percent(SOLVED, 0)} exact. Foretold: of regions that are solved on the "
        f"run's own set. {case.samples} sequences per set.",
    )


def _verdicts(
    case: Case, short: Attribution, found: Attribution, answers: Answers, own: Answers
) -> list[Verdict]:
    """Verdicts on all regions of one set."""
    batch = case.data.evaluation(answers.name, samples=case.samples)
    reach = 2 * (answers.setting.length / case.data.own.length - 1)
    far = at_length(short, found, reach)
    bias, predicted = (
        predict(case.model, attribution, batch.tokens, batch.counts).tolist()
        for attribution in (found, far)
    )
    measured, at_home = (
        (some.ranked[..., 0] == some.counts).mean(0).tolist() for some in (answers, own)
    )
    return [
        Verdict(
            answers.name,
            region,
            bias[region],
            predicted[region],
            measured[region],
            at_home[region] >= SOLVED and answers.name != own.name,
        )
        for region in range(len(predicted))
    ]
