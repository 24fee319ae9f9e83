"""``astroclip evaluate``: retrieval and property prediction, compared with baselines."""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import astroclip
from astroclip.data.datamodule import GalaxyData
from astroclip.data.entry import Files, OnError
from astroclip.evaluation import figures, tables
from astroclip.evaluation.comparison import (
    CCA,
    CHANCE,
    KS,
    WAYS,
    Found,
    Galaxies,
    compare,
    gather,
    retrieval,
)
from astroclip.evaluation.interval_comparison import add_comparison
from astroclip.evaluation.probes import Reading
from astroclip.inference.encode import encode
from astroclip.metrics import REDSHIFT
from astroclip.simulate.galaxies import MORPHOLOGIES, VERSION, fingerprint
from sciformer.arguments import check_least, said_as
from sciformer.data.shards.index import INDEX
from sciformer.evaluation.comparison import MODEL, metric_key
from sciformer.evaluation.run import TrainedRun, open_run
from sciformer.progress import progress
from sciformer.report.html import Cell, percent
from sciformer.report.report import Report

BANK, TEST = 16_384, 1000  # galaxies
BATCH = 256
SUMMARY = (
    "Galaxies that were not trained on: is the spectrum of a galaxy found by its image, and its "
    "image by its spectrum, and which properties do its embeddings predict? Baselines "
    "without a neural network: gradient boosting of aperture photometry, neighbors among principal "
    "components of spectra, and linear canonical correlation."
)


def evaluate(
    path: str,
    out: str | None = None,
    data: Files | None = None,
    samples: int = TEST,
    bank: int | None = None,
    device: str | None = None,
    overwrite: bool = False,
    on_error: OnError = "skip",
) -> None:
    """Evaluate image-spectrum retrieval and property prediction, with figures and baselines.

    Retrieval in both directions; prediction of redshift, mass, star formation, age, metallicity and
    morphology, where known, by k-NN and by MLPs, from images, from spectra and across modalities.

    Args:
        path: A checkpoint, a run folder, or weights of the original AstroCLIP.
        out: Output folder of ``metrics.json`` and ``index.html``; by default ``report`` in the
            folder of the checkpoint.
        data: Galaxies to evaluate on instead of the run's own: files as in ``astroclip embed``, or
            a folder written by ``astroclip simulate``.
        samples: Maximum number of test galaxies.
        bank: Number of training galaxies that k-NN, MLPs and baselines learn from; by default those
            of the run, at most 16,384.
        device: ``cpu``, ``cuda`` or another device of torch; by default the GPU, if there is one.
        overwrite: Replace an existing report.
        on_error: What to do with a galaxy that cannot be used: report it and go on (``skip``), or
            stop with an error (``stop``).

    Raises:
        ValueError: If the checkpoint or device does not exist, or the data cannot be read.
    """
    check_least(samples=(samples, 2), bank=(bank, 2))
    start = time.process_time()
    run = open_run(path, astroclip.AstroCLIPModule, device)
    with run.report(
        "AstroCLIP: images and spectra in one space", out, overwrite, data=data
    ) as report:
        report.summary = SUMMARY
        source = open_data(run, data, bank, on_error)
        report.run |= origin(source)
        classes = {} if source.source is None else source.source.classes
        look = partial(gather, partial(encode, run.module), labels=source.labels, classes=classes)
        with progress("encoding galaxies"):
            test = look(source.loader("test"), limit=samples, keep=True)
            pool = look(source.loader("train"), limit=bank or BANK)
        with progress("comparing with baselines"):
            fill(report, pool, test, MORPHOLOGIES if source.source is None else ())
        report.add_metrics({"evaluation/cpu_s": time.process_time() - start})


def open_data(
    run: TrainedRun[Any],
    data: Files | None = None,
    bank: int | None = None,
    on_error: OnError = "skip",
) -> GalaxyData:
    """Open the galaxies of a run, or others.

    Args:
        run: The run.
        data: Files, or a folder or an address of shards.
        bank: Number of training galaxies needed.
        on_error: What to do with a galaxy that cannot be used: ``skip`` or ``stop``.

    Returns:
        Test and training galaxies, in order, each once.

    Raises:
        ValueError: If they cannot be read.
    """
    pairs = bank or min(run.settings.get("pairs", BANK), BANK)
    changes: dict[str, Any] = {"pairs": pairs, "stream": False, "workers": 0, "batch_size": BATCH}
    changes["on_error"] = on_error
    if data is None:
        return run.data(GalaxyData, **changes)
    stored = isinstance(data, str) and ("://" in data or (Path(data) / INDEX).is_file())
    given = {"shards": data} if stored else {"files": data}
    changes |= {"files": None, "shards": None, "labels": None} | given
    with said_as("data", next(iter(given))):
        return GalaxyData(**run.settings | changes)


def origin(data: GalaxyData) -> dict[str, str]:
    """Origin of the galaxies."""
    if data.source is not None:
        return {"galaxies": data.source.where}
    return {"generator": f"astroclip.simulate {VERSION}", "fingerprint": fingerprint()}


def fill(report: Report, bank: Galaxies, test: Galaxies, morphologies: Sequence[str] = ()) -> None:
    """Add all metrics, tables and figures.

    Args:
        report: The report.
        bank: Training galaxies.
        test: Test galaxies, with images and spectra.
        morphologies: Names of the morphological classes.
    """
    found, read = retrieval(bank, test), compare(bank, test)
    report.add_metrics({"evaluation/galaxies": len(test), "evaluation/bank": len(bank)})
    report.add_metrics({"evaluation/encoding_cpu_ms": 1000 * test.cpu_s / len(test)})
    add_retrieval(report, found)
    for each in read:
        report.add_metrics(each.numbers())
    add_results(report, read)
    tables.add_readings(report, read, len(bank))
    add_comparison(report, test.embeddings.ids, read)
    figures.add_recall(report, found)
    if any(each.label == REDSHIFT for each in read):
        figures.add_redshifts(report, read)
    figures.add_galleries(report, test)
    figures.add_map(report, test)
    figures.add_samples(report, test, morphologies)


def add_retrieval(report: Report, found: Sequence[Found]) -> None:
    """Add recall and median rank in both directions, with linear maps and chance for comparison."""
    count = len(found[0].ranks)
    rows: list[list[Cell]] = []
    for each in found:
        named = {f"recall_{k}": share for k, share in each.recalls.items()}
        named["median_rank"] = median(each)
        keys = {metric: f"retrieval/{metric}/{each.way}" for metric in named}
        report.add_metrics({metric_key(keys[m], each.method): v for m, v in named.items()})
        name = figures.IN_WORDS[each.way] + (", linear CCA" if each.method == CCA else "")
        rows.append([name, *(percent(s, 1) for s in each.recalls.values()), f"{median(each):g}"])
    chance = {k: min(1.0, k / count) for k in KS}
    report.add_metrics({metric_key(f"retrieval/recall_{k}", CHANCE): s for k, s in chance.items()})
    rows.append(["chance", *(percent(s, 1) for s in chance.values()), f"{(count + 1) / 2:g}"])
    columns = ("From", *(f"R@{k}" for k in KS), "median rank")
    note = f"The right one among all {count}; a rank of 1 is the best."
    report.add_table("Retrieval", columns, rows, note)
    shares = {(each.way, each.method): each.recalls[10] for each in found}
    for way in WAYS:
        linear = shares.get((way, CCA))
        beside = f"{percent(linear, 1)} (linear CCA)" if linear is not None else ""
        name = f"R@10 of {count}, from {figures.IN_WORDS[way]}"
        report.add_result(name, percent(shares[way, MODEL], 1), beside)


def median(each: Found) -> float:
    """Median rank; 1 is the best."""
    return float(np.median(each.ranks)) + 1


def add_results(report: Report, read: Sequence[Reading]) -> None:
    """Add the headline numbers, each with the baseline that uses the same modality."""
    own = {(each.label, each.way): each.scores for each in read}
    for label, way, rival in (
        (REDSHIFT, "spectrum_h", "baseline_pca"),
        (REDSHIFT, "image_z", "baseline_photometry"),
        (REDSHIFT, "image_to_spectrum", "baseline_photometry"),
        ("log_mass", "spectrum_h", "baseline_pca"),
        ("log_mass", "image_z", "baseline_photometry"),
    ):
        if (label, way) in own and (label, rival) in own:
            value, beside = (own[label, each]["r2"] for each in (way, rival))
            name = f"{tables.name(label)}, R2, from {tables.said(way)}"
            report.add_result(name, f"{value:.3f}", f"{beside:.3f} ({tables.said(rival)})")
