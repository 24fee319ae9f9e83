"""``astroclip probe``: properties of galaxies predicted from their embeddings."""

from pathlib import Path

import numpy as np

from astroclip.evaluation import tables
from astroclip.evaluation.intervals import add_intervals, narrowest, write_predictions
from astroclip.evaluation.probe_head import Head, learned, load, write_classes
from astroclip.evaluation.probes import (
    common,
    constants,
    known,
    predictions,
    reading,
    train_all,
)
from astroclip.inference.bank import read_about, read_bank
from astroclip.inference.embedding_files import Embeddings
from sciformer.data.splits import split_by_id
from sciformer.files import new_folder
from sciformer.progress import progress
from sciformer.report.report import Report, report_folder

PREDICTIONS, CLASSES, HEAD = "predictions.parquet", "classes.parquet", "head.safetensors"
SHARES = {"bank": 0.8, "test": 0.2}
SUMMARY = (
    "How well properties of galaxies are predicted from their embeddings: by nearest neighbors in "
    "a bank, and by an MLP that was trained on the bank."
)


def probe(
    embeddings: str,
    test: str | None = None,
    head: str | None = None,
    out: str | None = None,
    overwrite: bool = False,
) -> None:
    """Predict properties of galaxies from embeddings; writes tables, ``metrics.json`` and a page.

    By k-NN (k = 16) and by MLPs, from images, from spectra and across modalities: R2 of numeric
    labels (for redshifts also sigma NMAD, bias and outliers), accuracy of classes.
    ``predictions.parquet`` has id, label, prediction, lower and upper (90 % intervals, split
    conformal prediction, at every predicted redshift) of the test galaxies and of those whose label
    is unknown. ``head.safetensors`` keeps the MLPs and the intervals; ``--head`` predicts other
    galaxies with them, which need no labels.

    Args:
        embeddings: File or folder written by ``astroclip embed``, with labels.
        test: File with the test galaxies; by default a fifth of the first file, chosen by id. If it
            has no labels, its galaxies are predicted, and the fifth measures how well.
        head: File ``head.safetensors`` of an earlier probe, which predicts these galaxies; nothing
            is trained then. Classes are in ``classes.parquet``: id, label, class, probability.
        out: Output folder of ``metrics.json``, ``index.html`` and ``predictions.parquet``; by
            default the name of the file with ``-probe``.
        overwrite: Replace an existing report.

    Raises:
        ValueError: If the embeddings cannot be read, or have no labels.
    """
    if head is not None:
        if test is not None:
            raise ValueError(f"test: {test}: not with --head, which predicts the first file")
        _apply(embeddings, load(Path(head)), head, out, overwrite)
        return
    bank, asked, new, labels = _galaxies(embeddings, test)
    folder = report_folder(out or _beside(embeddings), overwrite)
    new_folder(folder, (PREDICTIONS, HEAD), overwrite)
    report = Report(
        "AstroCLIP: properties predicted from embeddings", about(embeddings, test), SUMMARY
    )
    every, count = asked if new is None else asked.followed_by(new), len(asked.ids)
    with progress("predicting properties"):
        probes = train_all(bank, every, labels)
        said = list(predictions(bank, every, labels, probes))
    found = [reading(asked, label, way, values[:count]) for label, way, values in said]
    found += constants(bank, asked)
    for each in found:
        report.add_metrics(each.numbers())
    report.add_metrics({"probe/galaxies": count, "probe/bank": len(bank.ids)})
    single = list(narrowest(every, count, said))
    add_intervals(report, single)
    tables.add_readings(report, found, len(bank.ids))
    if single:
        write_predictions(folder / PREDICTIONS, single)
    weights = read_about(embeddings).get("weights", "")
    learned(bank, asked, probes, weights).save(folder / HEAD)
    report.publish(folder, *([folder / PREDICTIONS] if single else []), folder / HEAD)


def _galaxies(
    path: str, test: str | None
) -> tuple[Embeddings, Embeddings, Embeddings | None, list[str]]:
    """Galaxies to learn from, to measure with, and others to predict; names of the labels."""
    bank, asked = parts(path, test)
    labels, new = common(bank, asked), None
    if test is not None and not labels:
        new, (bank, asked) = asked, parts(path)
        labels = common(bank, asked)
    if not labels:
        raise ValueError(f"{path}: no labels, of which two galaxies are needed")
    if test is None:
        unknown = ~np.all([known(bank, label) for label in labels], 0)
        new = bank.rows(np.flatnonzero(unknown).tolist())
    return bank, asked, new, labels


def _beside(embeddings: str) -> str:
    return str(Path(embeddings).with_suffix("")) + "-probe"


def _apply(path: str, head: Head, name: str, out: str | None, overwrite: bool) -> None:
    """Predict galaxies with a head."""
    folder = new_folder(out or _beside(path), (PREDICTIONS, CLASSES), overwrite)
    if (ours := read_about(path).get("weights", "")) != head.weights:
        raise ValueError(f"{path}: made by weights {ours}, those of {name} by {head.weights}")
    galaxies = read_bank(path)
    numbers, classes = head.predict(galaxies)
    for each in numbers:
        inside = "" if np.isnan(each.truth).all() else f"; they hold {each.coverage:.1%}"
        width = f"half width of 90 %: {np.median(each.half):.4g}"
        print(f"{each.label}: {len(each.ids)} galaxies, {width}{inside}")  # noqa: T201
    if numbers:
        write_predictions(folder / PREDICTIONS, numbers)
        print(folder / PREDICTIONS)  # noqa: T201  # what the verb answers
    if classes:
        write_classes(folder / CLASSES, classes)
        print(folder / CLASSES)  # noqa: T201


def about(path: str, test: str | None) -> dict[str, str]:
    """Origin of the embeddings."""
    said = {"embeddings": path, **read_about(path)}
    return said | ({"test": test} if test else {})


def parts(path: str, test: str | None = None) -> tuple[Embeddings, Embeddings]:
    """Split embeddings into a bank to learn from and galaxies to predict.

    Args:
        path: File of embeddings.
        test: File of test embeddings; if None, a fifth of the first file, chosen by a hash of the
            ids.

    Returns:
        Training and test embeddings.

    Raises:
        ValueError: If they cannot be read, are from different networks, or are too few.
    """
    bank = read_bank(path)
    if test is not None:
        return bank, _alike(path, bank, test, read_bank(test))
    try:
        rows = split_by_id(bank.ids, SHARES)
    except ValueError as error:
        raise ValueError(f"{path}: galaxies: {error}") from error
    return bank.rows(rows["bank"]), bank.rows(rows["test"])


def _alike(path: str, bank: Embeddings, other: str, asked: Embeddings) -> Embeddings:
    """Test galaxies, after checking that the same network embedded them."""
    ours, theirs = (read_about(each).get("weights") for each in (path, other))
    if ours != theirs:
        raise ValueError(f"{other}: made by weights {theirs}, those of {path} by {ours}")
    for label, words in asked.classes.items():
        if list(bank.classes.get(label, words)) != list(words):
            ours = ", ".join(bank.classes[label])
            raise ValueError(f"{other}: {label}: classes {', '.join(words)}, not {ours}")
    for name, vectors in asked.vectors.items():
        there = bank.vectors.get(name)
        if there is not None and there.shape[1] != vectors.shape[1]:
            widths = f"{vectors.shape[1]} numbers, not {there.shape[1]}"
            raise ValueError(f"{other}: {name}: {widths}")
    return asked
