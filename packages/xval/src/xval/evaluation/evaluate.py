"""The paper's tables and figures of a checkpoint, beside what one answers without a network."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

import xval
from sciformer.arguments import said_as
from sciformer.report.report import Report, report_folder
from sciformer.training.checkpoints import checkpoint
from xval.data.datamodule import TextData
from xval.data.field_names import matches
from xval.evaluation import figures, tables
from xval.evaluation.comparison import MODEL, Comparison, compare
from xval.evaluation.figures import Through

if TYPE_CHECKING:
    from xval.module import XValModule

SUMMARY = (
    "Each number that is asked for is hidden, and answered from the rest of its text; texts that "
    "were not trained on. Beside it what one answers without a network: the mean of the training, "
    "a linear regression on the other numbers of the text, and, where there are earlier values or "
    "a date, the last value and the season."
)
MOVED = "if its files have moved, say where some are with --data"


def evaluate(
    path: str,
    out: str | None = None,
    data: dict[str, Any] | str | None = None,
    samples: int | None = None,
    device: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write how well a network answers, by set and number, with pictures.

    On the test texts of the run's own data and on those in a gap, or on other files: R2, squared,
    absolute and relative errors, shares, and what the answers cost, beside the mean of the
    training, a linear regression, persistence and climatology.

    Args:
        path: A checkpoint, or a run's folder.
        out: Folder of ``metrics.json`` and ``index.html``; ``report`` beside the checkpoint
            where none is given.
        data: Evaluate on these files: a path or pattern, read as the run's own first ones, or a
            table as under ``data.files`` of a configuration.
        samples: Texts of each set at most, evenly spread; all where not given.
        device: ``cpu``, ``cuda`` or another of torch's; the GPU, where there is one, if not given.
        overwrite: Replace a report that is there.

    Raises:
        ValueError: If there is no such checkpoint, or its data cannot be read.
    """
    if samples is not None and samples < 1:
        raise ValueError(f"samples: {samples} is less than 1")
    found = checkpoint.find(path)
    saved = checkpoint.read(found)
    module = open_module(found, device)
    folder = report_folder(out or found.parent / "report", overwrite)
    source, training = open_data(found, saved, data)
    console = Console(stderr=True)
    sets = list(
        track(
            measure(module, source, training, samples),
            "sets",
            len(source.names),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
    )
    run = checkpoint.run_record(saved)
    report = Report("xVal: numbers in text", run, SUMMARY)
    code = module.code
    report.add_metrics({f"encoding/tokens_per_number/{code.name}": code.length})
    for compared in sets:
        report.add_metrics(compared.numbers())
    tables.add_results(report, sets)
    for compared in sets:
        tables.add_table(report, compared)
    tables.add_cost(report, sets, module, run.get("cpu_s"))
    add_pictures(report, sets, source)
    page = report.write(folder)
    report.print()
    print(page)  # noqa: T201  # what the verb answers


def open_module(path: str | Path, device: str | None = None) -> "XValModule":
    """Open a checkpoint.

    Args:
        path: Of the file.
        device: Where it shall answer; the GPU, where there is one, if None.

    Returns:
        The network, in evaluation mode.

    Raises:
        ValueError: If there is no such device, or it is not a checkpoint of a training of xVal.
    """
    name = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        raise ValueError(f"device: {name!r} cannot be used: {error}") from error
    module = checkpoint.load(path, xval.XValModule)
    if module.transforms is None:
        raise ValueError(f"{path}: no transforms: no training has begun")
    return module.to(place)


def open_data(
    path: Path, saved: Mapping[str, Any], data: dict[str, Any] | str | None = None
) -> tuple[TextData, TextData | None]:
    """The data to evaluate on, and those of the training, both set up.

    Args:
        path: Of the checkpoint.
        saved: Its content.
        data: Other files, all of whose texts count then.

    Returns:
        The data, and those of the training if they are others: the same where none are given, and
        None in place of those of the training if these are not there.

    Raises:
        ValueError: If they cannot be read.
    """
    settings = {**(saved.get("datamodule_hyper_parameters") or {}), "workers": 0}
    if data is None:
        try:
            own = checkpoint.build(path, TextData, settings)
        except ValueError as error:
            raise ValueError(f"{error}; {MOVED}") from error
        own.setup()
        return own, None
    entry = {"path": data} if isinstance(data, str) else dict(data)
    known = next((each for each in settings.get("files") or [] if isinstance(each, dict)), {})
    if isinstance(data, str):
        entry = {k: v for k, v in known.items() if k not in ("name", "station")} | entry
    with said_as("data", "files[0]"):
        other = TextData(
            **settings | {"sets": None, "shards": None, "files": [{**entry, "split": "test"}]}
        )
        other.setup()
    try:
        training = TextData(**settings)
        training.setup()
    except ValueError:  # its files are elsewhere: then nothing can be fitted to them
        return other, None
    return other, training


def measure(
    module: "XValModule", data: TextData, training: TextData | None, samples: int | None = None
) -> Iterator[Comparison]:
    """Ask a network about every set of the test, one after the other.

    Args:
        module: In evaluation mode.
        data: Set up.
        training: What it was trained on, if that are other data.
        samples: Texts of each set at most.

    Yields:
        Its answers and those of the baselines.

    Raises:
        ValueError: If the data have other fields than the network.
    """
    if data.fields != module.units.names:
        raise ValueError(f"fields: {data.fields} are not the network's, {module.units.names}")
    for split in ("test", "ood"):
        for name, texts in data.texts[split].items():
            if samples is not None and len(texts) > samples:
                chosen = np.linspace(0, len(texts) - 1, samples).round().astype(np.int64)
                data.texts[split][name] = texts[chosen]
    for name, loader in zip(data.names, data.test_dataloader(), strict=True):
        yield compare(name, loader, module, data, training)


def add_pictures(report: Report, sets: list[Comparison], data: TextData) -> None:
    """All pictures of an evaluation.

    Args:
        report: Where to.
        sets: The answers.
        data: Says where the gaps are.
    """
    for through in gaps(sets, data):
        figures.add_gap(report, through)
    for compared in sets:
        if not compared.name.endswith(tables.OUTSIDE):
            figures.add_scatter(report, compared)
    unitless = [compared for compared in sets if not compared.is_series]
    if unitless:
        figures.add_errors(report, unitless)


def gaps(sets: Sequence[Comparison], data: TextData) -> list[Through]:
    """What is asked for in a gap and beside it.

    Args:
        sets: The answers.
        data: Says where the gaps are.

    Returns:
        Pairs of sets, with the field and its gap.
    """
    found = []
    beside = [compared for compared in sets if not compared.name.endswith(tables.OUTSIDE)]
    for outside in (each for each in sets if each.name.endswith(tables.OUTSIDE)):
        for field in outside.found:
            truth, _ = outside.of(field, MODEL)
            inside = [each for each in beside if field in each.found]
            for pattern, (low, high) in data.encoder.gaps.items():
                within = ((truth > low) & (truth < high)).any()
                if matches(pattern, field) and within and inside:
                    found.append(Through(inside[0], outside, field, (low, high)))
    return found
