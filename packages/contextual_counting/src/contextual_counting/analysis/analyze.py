"""``contextual-counting analyze``: report on the circuit of a trained network."""

from functools import partial

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
from sciformer.progress import track


def analyze(
    path: str,
    out: str | None = None,
    samples: int = 500,
    threads: int = 1,
    overwrite: bool = False,
) -> None:
    """Analyze the counting circuit of a trained network, and the inputs on which it fails.

    Sections: which tokens serve as the bias of each region's count; predicted and measured accuracy
    on other sets; the encoder's attention scores; principal components by region; effective values
    and the paper's formula; interventions (tokens hidden, added, or patched from another run); and
    a ratio readout of the attention.

    Args:
        path: Checkpoint or run folder.
        out: Output folder of ``metrics.json`` and ``index.html``; by default ``analysis`` in the
            folder of the checkpoint.
        samples: Sequences per set.
        threads: CPU threads.
        overwrite: Replace an existing report.

    Raises:
        ValueError: If the checkpoint does not exist or is of another project.
    """
    check_least(samples=(samples, 1), threads=(threads, 1))
    torch.set_num_threads(threads)
    run, data = open_with_data(path)
    case = Case(run.module, data, samples)
    with run.report("How a network counts", out, overwrite, "analysis") as report:
        report.summary = _summary(case)
        attributions = add_bias(report, case)
        parts = (
            partial(add_predictions, report, case, *attributions),
            partial(figures.add_attention, report, case.module, case.data),
            *(partial(add, report, case) for add in (add_encoder, add_values)),
            *(partial(add, report, case) for add in (add_interventions, add_readout)),
        )
        for add in track(parts, "sections", len(parts)):
            add()


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
