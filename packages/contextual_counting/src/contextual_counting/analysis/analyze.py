"""``contextual-counting analyze``: report on the circuit of a trained network."""

from functools import partial
from typing import TYPE_CHECKING

import torch

from contextual_counting.analysis.bias_report import add_bias, add_predictions
from contextual_counting.analysis.circuit_report import (
    add_encoder,
    add_interventions,
    add_readout,
    add_values,
)
from contextual_counting.analysis.trained_network import Case
from contextual_counting.data.datamodule import Batch
from contextual_counting.evaluation import figures
from contextual_counting.evaluation.given_sequences import (
    Given,
    check_answerable,
    given_sequences,
    written_table,
)
from contextual_counting.evaluation.predictions import open_with_data, predict_given
from sciformer.arguments import ArgumentError, check_least
from sciformer.progress import track

if TYPE_CHECKING:
    from contextual_counting.module import CountingModule


def analyze(
    path: str,
    out: str | None = None,
    data: str | None = None,
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
        data: Sequences to analyze in place of the training's distribution: a text file with one on
            each line, or a sequence, as ``"0 1 [ 1 0 ] 1"``; all of one length and number of
            regions. Accuracy on other sets, and the readout, are then left out.
        samples: Sequences per set.
        threads: CPU threads.
        overwrite: Replace an existing report.

    Raises:
        ValueError: If the checkpoint does not exist or is of another project, or the data are no
            sequences that the network can process.
    """
    check_least(samples=(samples, 1), threads=(threads, 1))
    torch.set_num_threads(threads)
    run, drawn = open_with_data(path)
    given = None if data is None else given_sequences(data, samples)
    case = Case(run.module, drawn, samples, None if given is None else _batch(run.module, given))
    with run.report("How a network counts", out, overwrite, "analysis", data=data) as report:
        report.summary = _summary(case)
        found = add_bias(report, case)
        parts = [
            partial(figures.add_attention, report, case.module, case.own(1)),
            *(partial(add, report, case) for add in (add_encoder, add_values, add_interventions)),
        ]
        if given is not None:
            counted = predict_given(run.module, drawn, given).ranked[..., 0]
            report.add_table(*written_table(given.written, counted))
        else:
            parts.insert(0, partial(add_predictions, report, case, found))
            parts.append(partial(add_readout, report, case))
        for add in track(parts, "sections", len(parts)):
            add()


def _batch(module: "CountingModule", given: Given) -> Batch:
    """Sequences as one batch; ``ValueError`` if the network cannot process them so."""
    check_answerable("data", module, given.setting)
    if len(given.parts) > 1:
        one, other = (
            f"{p.tokens.shape[1]} tokens with {p.counts.shape[1]}" for p in given.parts[:2]
        )
        reason = f"{one} regions, and {other}; all sequences must have as many of both"
        raise ArgumentError("data", reason)
    return given.parts[0]


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
