"""``contextual-counting oracle``: a checkpoint with weights set by hand, and its accuracy."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.text import Text

import contextual_counting
from contextual_counting.evaluation.predictions import predict_sets, scores
from contextual_counting.nn.constructed_weights import (
    BIASES,
    COUNTS,
    LENGTH,
    REGIONS,
    USED,
    Bias,
    set_weights,
)
from sciformer.arguments import check_least
from sciformer.files import new_file, write_atomically
from sciformer.report.html import Cell, Table, percent
from sciformer.report.report import rich_table, terminal
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
    threads: int = 1,
    overwrite: bool = False,
) -> None:
    """Write the paper's circuit into the network by hand, and print how well it counts.

    Nothing is trained. With the beginning token or a region's own ``[`` as bias it counts
    everywhere; with all ``]`` it fails where the number of regions changes, with zeros where the
    length does; non-causal, everywhere.

    Args:
        bias: What counts are compared with.
        causal: Hide later tokens from earlier ones, as the circuit needs.
        out: File to write, which ``evaluate`` and ``analyze`` take as a checkpoint.
        samples: Sequences per set.
        sets: Of ``id``, ``t300``, ``r3``, ``t1024``, ``density0.3``, ``r12`` and ``t2048``; all
            where none are given.
        threads: CPU threads.
        overwrite: Replace a file that is there.

    Raises:
        ValueError: If there is no such set, or a number is out of its range.
    """
    check_least(samples=(samples, 1), threads=(threads, 1))
    for name in sets or ():
        if name not in SETS:
            raise ValueError(f"sets: {name!r} is none of {', '.join(SETS)}")
    if out is not None:
        new_file(out, overwrite)
    torch.set_num_threads(threads)
    module, data = build(bias, causal), contextual_counting.CountingData(LENGTH, USED)
    if out is not None:
        save(module, data, out, f"contextual-counting oracle --bias {bias} --causal {causal}")
    console = terminal()
    shown = table(module, data, samples, sets or SETS)
    console.print(rich_table(shown))
    console.print(Text(shown.note, style="dim"))
    if out is not None:
        print(out)  # noqa: T201  # what the verb answers


def build(bias: Bias, causal: bool = True) -> "CountingModule":
    """The network whose weights are set by hand.

    Args:
        bias: What counts are compared with.
        causal: Hide later tokens from earlier ones.

    Returns:
        It, in evaluation mode.
    """
    module = contextual_counting.CountingModule(
        contextual_counting.Network(causal=causal, classes=COUNTS), regions=REGIONS, length=LENGTH
    )
    set_weights(module.model, bias)
    return module.eval()


def save(module: "CountingModule", data: "CountingData", path: str, command: str) -> None:
    """Write a checkpoint that can be evaluated like that of a training.

    Args:
        module: The network.
        data: Whose sets it is asked about.
        path: The file.
        command: What made it.
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
    """Exact counts of each set: lowest and highest over regions.

    Args:
        module: In evaluation mode.
        data: Whose sets they are.
        samples: Sequences per set.
        names: Of the sets.

    Returns:
        Lowest and highest share over regions, beside the best constant answer.
    """
    known: dict[str, Setting] = data.settings | data.further
    rows: list[list[Cell]] = []
    for answers in predict_sets(module, data, samples, {name: known[name] for name in names}):
        found = scores(answers)
        keys = [f"{answers.name}/top1/region{r}" for r in range(answers.setting.regions)]
        exact = [found[key] for key in keys]
        constant = max(found[f"{key}/baseline_constant"] for key in keys)
        spread = [percent(min(exact)), percent(max(exact)), percent(constant)]
        rows.append([answers.name, *answers.setting, *spread])
    return Table(
        f"Exact counts of weights set by hand, {samples} sequences per set",
        ["Set", "tokens", "regions", "density", "worst region", "best region", "best constant"],
        rows,
        f"T {LENGTH} and R {USED} are what the bias is made for; "
        f"biases: {', '.join(BIASES)}. Counts beyond {COUNTS - 1} cannot be answered.",
    )
