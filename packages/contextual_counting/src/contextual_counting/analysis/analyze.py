"""``contextual-counting analyze``: the circuit that a trained network counts with."""

import torch

from contextual_counting.analysis.bias_report import add_bias, add_predictions
from contextual_counting.analysis.circuit_report import (
    add_encoder,
    add_interventions,
    add_readout,
    add_values,
)
from contextual_counting.analysis.trained_network import Case
from contextual_counting.evaluation import figures
from contextual_counting.evaluation.predictions import open_with_data
from sciformer.arguments import check_least


def analyze(
    path: str,
    out: str | None = None,
    samples: int = 500,
    threads: int = 1,
    overwrite: bool = False,
) -> None:
    """Write which circuit a network counts with, and where that must fail.

    What each region's count is compared with, by kind of token; which sets must fail for that,
    next to what does fail; the encoder's scores and leaks; regions in principal components;
    effective values and the paper's formula; what happens without a kind of token, with further
    ones, or with parts of another run; a readout of the attention alone.

    Args:
        path: A checkpoint, or a run's folder.
        out: Folder of ``metrics.json`` and ``index.html``; by default ``analysis`` beside the
            checkpoint.
        samples: Sequences per set.
        threads: CPU threads.
        overwrite: Replace a report that is there.

    Raises:
        ValueError: If there is no such checkpoint, or it is not one of counting.
    """
    check_least(samples=(samples, 1), threads=(threads, 1))
    torch.set_num_threads(threads)
    run, data = open_with_data(path)
    case = Case(run.module, data, samples)
    with run.report("How a network counts", out, overwrite, "analysis") as report:
        report.summary = _summary(case)
        attributions = add_bias(report, case)
        add_predictions(report, case, *attributions)
        figures.add_attention(report, case.module, case.data)
        add_encoder(report, case)
        add_values(report, case)
        add_interventions(report, case)
        add_readout(report, case)


def _summary(case: Case) -> str:
    said = case.module.hparams["network"]
    length, regions, density = case.data.own
    mask = "causal" if said["causal"] else "non-causal"
    begin = "with" if said["begin"] else "without"
    return (
        f"One encoder block ({mask}, positions: {said['positions']}, {begin} a beginning token) "
        f"and one cross-attention from a prompt per region, made for {length} tokens, {regions} "
        f"regions and a 1 with probability {density}."
    )
