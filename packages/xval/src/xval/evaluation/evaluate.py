"""``xval evaluate``: the paper's tables and figures for a checkpoint, with baselines."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sciformer.arguments import check_least, said_as
from sciformer.evaluation.comparison import MODEL
from sciformer.evaluation.run import TrainedRun
from sciformer.progress import track
from sciformer.report.report import Report
from xval.data.datamodule import TextData
from xval.data.field_names import matches
from xval.evaluation import figures, tables
from xval.evaluation.comparison import Comparison
from xval.evaluation.figures import Through
from xval.evaluation.probabilities import Calibration, calibration, hidden_words, temperature
from xval.evaluation.rivals import Rivals
from xval.inference.ask_command import open_run

if TYPE_CHECKING:
    from xval.module import XValModule

SUMMARY = (
    "Each number that is asked for is hidden, and predicted from the rest of its text; no text was "
    "trained on. Baselines without a network: the mean of the training, linear regression and "
    "gradient boosting on the other numbers of the text, and, for series, persistence and "
    "climatology."
)


def evaluate(
    path: str,
    out: str | None = None,
    data: dict[str, Any] | str | None = None,
    samples: int | None = None,
    device: str | None = None,
    overwrite: bool = False,
) -> None:
    """Evaluate a checkpoint: errors of predicted numbers by set and field, with figures.

    On the run's test texts, including those out of distribution, or on other files: R2, squared,
    absolute and relative errors, fractions within 1 % and not parsable, coverage and width of 90 %
    intervals (calibrated on the validation texts), scores of the predicted distributions, and CPU
    time, compared with training mean, linear regression, gradient boosting, persistence and
    climatology.

    Args:
        path: A checkpoint, a run folder, or weights of the original with its tokenizer.
        out: Output folder of ``metrics.json`` and ``index.html``; by default ``report`` in the
            folder of the checkpoint.
        data: Files to evaluate on instead of the run's own data: a path or glob pattern, read like
            the first table in the run's files, or a table as in ``data.files`` of a configuration.
        samples: Maximum number of texts of each set, evenly spread; by default all.
        device: ``cpu``, ``cuda`` or another device of torch; by default the GPU, if there is one.
        overwrite: Replace an existing report.

    Raises:
        ValueError: If the checkpoint does not exist, or its data cannot be read.
    """
    check_least(samples=(samples, 1))
    run = open_run(path, device)
    module = run.module
    with run.report("xVal: numbers in text", out, overwrite, data=data) as report:
        report.summary = SUMMARY
        source, training = open_data(run, data)
        answered = measure(module, source, training, samples)
        sets = list(track(answered, "sets", len(source.names)))
        report.add_metrics({f"encoding/tokens_per_number/{module.code.name}": module.code.length})
        for compared in sets:
            report.add_metrics(compared.numbers())
        tables.add_results(report, sets)
        for compared in sets:
            tables.add_table(report, compared)
        tables.add_words(report, word_figures(module, source, training))
        tables.add_cost(report, sets, module, run.record.get("cpu_s"))
        add_figures(report, sets, source)


def open_data(
    run: TrainedRun[Any], data: dict[str, Any] | str | None = None
) -> tuple[TextData, TextData | None]:
    """Open the data to evaluate on, and the training data.

    Args:
        run: The run.
        data: Other files; all of their texts are used.

    Returns:
        Data to evaluate on, and training data: None if no files are given, as the former are then
        the run's own, or if the training data no longer exist.

    Raises:
        ValueError: If they cannot be read.
    """
    settings: dict[str, Any] = {**run.settings, "workers": 0}
    if data is None:
        own = run.data(TextData, workers=0)
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
    """Evaluate every test set, one after the other.

    Args:
        module: Network in evaluation mode.
        data: Data after ``setup``.
        training: Training data of the network, if different.
        samples: Maximum number of texts of each set.

    Yields:
        Predictions of the network and the baselines.

    Raises:
        ValueError: If data and network have different fields.
    """
    if data.fields != module.units.names:
        raise ValueError(f"fields: {data.fields} are not the network's, {module.units.names}")
    for split in ("test", "ood"):
        for name, texts in data.texts[split].items():
            if samples is not None and len(texts) > samples:
                chosen = np.linspace(0, len(texts) - 1, samples).round().astype(np.int64)
                data.texts[split][name] = texts[chosen]
    rivals = Rivals(module, training or data)
    for name, loader in zip(data.names, data.test_dataloader(), strict=True):
        yield rivals.compare(name, loader, data)


def word_figures(
    module: "XValModule", data: TextData, training: TextData | None
) -> dict[str, Calibration]:
    """Figures of the probabilities of hidden words, calibrated on the validation texts.

    Args:
        module: Network in evaluation mode.
        data: Data after ``setup``.
        training: Training data of the network, if different.

    Returns:
        Set -> figures; only of sets with hidden words, and nothing without validation texts.
    """
    aside = training or data
    known = hidden_words(module, aside.texts_of("val").batches(aside.batch_size))
    if known is None:
        return {}
    at = temperature(known)
    loaders = zip(data.names, data.test_dataloader(), strict=True)
    found = {name: hidden_words(module, loader) for name, loader in loaders}
    return {name: calibration(words, at) for name, words in found.items() if words is not None}


def add_figures(report: Report, sets: list[Comparison], data: TextData) -> None:
    """Add all figures of an evaluation."""
    for through in gaps(sets, data):
        figures.add_gap(report, through)
    for compared in sets:
        if not compared.name.endswith(tables.OUTSIDE):
            figures.add_scatter(report, compared)
    unitless = [compared for compared in sets if not compared.is_series]
    if unitless:
        figures.add_errors(report, unitless)


def gaps(sets: Sequence[Comparison], data: TextData) -> list[Through]:
    """Predictions in and around each gap of the training distribution."""
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
