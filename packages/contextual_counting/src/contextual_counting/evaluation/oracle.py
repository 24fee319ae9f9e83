"""``contextual-counting oracle``: a checkpoint with weights set by hand, and its accuracy."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.text import Text

import contextual_counting
from contextual_counting.data.written_sequences import read_sequences
from contextual_counting.evaluation.given_sequences import (
    Given,
    check_answerable,
    given_as_text,
    written_table,
)
from contextual_counting.evaluation.predictions import predict_given, predict_sets, scores
from contextual_counting.nn.constructed_weights import (
    BIASES,
    COUNTS,
    LENGTH,
    REGIONS,
    USED,
    Bias,
    set_weights,
)
from sciformer.arguments import ArgumentError, check_least, inside
from sciformer.files import new_file, write_atomically
from sciformer.report.html import Cell, Table, percent
from sciformer.report.report import rich_table
from sciformer.report.terminal import terminal
from sciformer.training.checkpoints import checkpoint

if TYPE_CHECKING:
    from contextual_counting.data.datamodule import CountingData, Setting
    from contextual_counting.module import CountingModule

SETS = ("id", "t300", "r3", "t1024", "density0.3", "r12", "t2048")


def oracle(
    bias: Bias = "begin",
    causal: bool = True,
    out: str | None = None,
    samples: int = 4000,
    sets: list[str] | None = None,
    data: str | None = None,
    threads: int = 1,
    overwrite: bool = False,
) -> None:
    """Set the network's weights by hand to the paper's circuit, and print its accuracy.

    There is no training. With the beginning token or a region's own ``[`` as bias it always counts
    correctly; with all ``]`` it fails for other numbers of regions, with zeros for other lengths.
    If it is not causal, it always fails.

    Args:
        bias: Bias tokens, with which counts are compared.
        causal: Hide later tokens from earlier ones, which the circuit requires.
        out: Output checkpoint, for ``evaluate`` and ``analyze``.
        samples: Sequences per set.
        sets: Sets from ``id``, ``t300``, ``r3``, ``t1024``, ``density0.3``, ``r12`` and ``t2048``;
            by default all.
        data: Sequences to count in place of the sets: a text file with one on each line, or a
            sequence, as ``"0 1 [ 1 0 ] 1"``.
        threads: CPU threads.
        overwrite: Replace an existing file.

    Raises:
        ValueError: For an unknown set, a number out of range, or what is no sequence.
    """
    check_least(samples=(samples, 1), threads=(threads, 1))
    for name in sets or ():
        if name not in SETS:
            raise ValueError(f"sets: {name!r} is none of {', '.join(SETS)}")
    if data is not None and sets is not None:
        raise ArgumentError("sets", "they are drawn; leave them out with --data")
    given = None
    if data is not None:
        with inside("data", data):
            given = given_as_text(read_sequences(data)[:samples])
    module, drawn = build(bias, causal), contextual_counting.CountingData(LENGTH, USED)
    if given is not None:
        check_answerable("data", module, given.setting)
    if out is not None:
        new_file(out, overwrite)
        save(module, drawn, out, f"contextual-counting oracle --bias {bias} --causal {causal}")
    torch.set_num_threads(threads)
    console = terminal()
    shown = (
        table(module, drawn, samples, sets or SETS)
        if given is None
        else _answered(module, drawn, given)
    )
    console.print(rich_table(shown))
    console.print(Text(shown.note, style="dim"))
    if out is not None:
        print(out)  # noqa: T201  # what the verb answers


def _answered(module: "CountingModule", drawn: "CountingData", given: Given) -> Table:
    """Table of one's own sequences, or of stored ones."""
    return written_table(given.written, predict_given(module, drawn, given).ranked[..., 0])


def build(bias: Bias, causal: bool = True) -> "CountingModule":
    """Network with weights set by hand.

    Args:
        bias: Bias tokens, with which counts are compared.
        causal: Hide later tokens from earlier ones.

    Returns:
        Module in evaluation mode.
    """
    module = contextual_counting.CountingModule(
        contextual_counting.Network(causal=causal, classes=COUNTS), regions=REGIONS, length=LENGTH
    )
    set_weights(module.model, bias)
    return module.eval()


def save(module: "CountingModule", data: "CountingData", path: str, command: str) -> None:
    """Write a checkpoint that can be evaluated like one of a training.

    Args:
        module: Module to save.
        data: Data module that defines the sets.
        path: Output file.
        command: Command for the run record.
    """
    content: dict[str, Any] = {
        "state_dict": module.state_dict(),
        "hyper_parameters": dict(module.hparams),
        "datamodule_hyper_parameters": dict(data.hparams),
    }
    checkpoint.stamp(content, module, {"command": command})
    write_atomically(Path(path), lambda beside: torch.save(content, beside))


def table(
    module: "CountingModule",
    data: "CountingData",
    samples: int,
    names: "tuple[str, ...] | list[str]",
) -> Table:
    """Accuracy on each set: minimum and maximum over regions.

    Args:
        module: Module in evaluation mode.
        data: Data module that defines the sets.
        samples: Sequences per set.
        names: Names of the sets.

    Returns:
        Minimum and maximum accuracy over regions, with the best constant prediction.
    """
    known: dict[str, Setting] = data.settings | data.further
    rows: list[list[Cell]] = []
    for answers in predict_sets(module, data, samples, {name: known[name] for name in names}):
        found = scores(answers)
        keys = [f"{answers.name}/top1/region{r}" for r in range(answers.setting.regions)]
        exact = [found[key] for key in keys]
        constant = max(found[f"{key}/baseline_constant"] for key in keys)
        spread = [percent(min(exact)), percent(max(exact)), percent(constant)]
        rows.append([answers.name, *map(str, answers.setting), *spread])
    return Table(
        f"Exact counts of weights set by hand, {samples} sequences per set",
        ["Set", "tokens", "regions", "density", "worst region", "best region", "best constant"],
        rows,
        f"T {LENGTH} and R {USED} are what the bias is made for; "
        f"biases: {', '.join(BIASES)}. Counts beyond {COUNTS - 1} cannot be answered.",
    )
