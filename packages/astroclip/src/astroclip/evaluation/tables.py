"""Tables of predicted properties."""

from collections.abc import Mapping, Sequence

from astroclip.evaluation.probes import Reading
from astroclip.metrics import REDSHIFT, WORDS
from sciformer.report.html import Cell, percent
from sciformer.report.report import Report
from sciformer.text import counted

WAYS: Mapping[str, str] = {
    "image_h": "image, encoder (h), k-NN",
    "image_z": "image, aligned (z), k-NN",
    "spectrum_h": "spectrum, encoder (h), k-NN",
    "spectrum_z": "spectrum, aligned (z), k-NN",
    "image_to_spectrum": "image among spectra, aligned (z), k-NN",
    "spectrum_to_image": "spectrum among images, aligned (z), k-NN",
    "image_h/mlp": "image, encoder (h), MLP",
    "image_z/mlp": "image, aligned (z), MLP",
    "spectrum_h/mlp": "spectrum, encoder (h), MLP",
    "spectrum_z/mlp": "spectrum, aligned (z), MLP",
    "baseline_photometry": "aperture photometry, gradient boosting",
    "baseline_pca": "20 principal components of the spectrum, k-NN",
    "baseline_mean": "mean of the bank",
    "baseline_majority": "most frequent class",
}
LABELS: Mapping[str, str] = {
    "log_mass": "log M*",
    "log_ssfr": "log sSFR",
    "log_metallicity": "log metallicity",
}
HOW = (
    "h: the encoder's own embedding; z: that in the space of both. k-NN: the mean (of a class, the "
    "most frequent) of the nearest 16 of the bank by cosine; MLP: two hidden layers of 64."
)
CLASSES = "Balanced accuracy: the mean over the classes."
REDSHIFTS = (
    "Of d = (answer - z) / (1 + z): bias is its median, sigma NMAD 1.4826 times the median of "
    "|d - bias|, outliers are |d| > 0.15."
)


def name(label: str) -> str:
    """Readable name of a label."""
    return LABELS.get(label, label.replace("_", " "))


def said(way: str) -> str:
    """Readable name of a method."""
    return WAYS.get(way, way)


def add_readings(report: Report, found: Sequence[Reading], size: int) -> None:
    """Add tables of predicted properties, redshifts and classes; ``size`` is the bank's size."""
    sizes = {each.label: len(each.truth) for each in found}
    count = max(sizes.values(), default=0)
    fewer = [f"{name(label)} of {some}" for label, some in sizes.items() if some < count]
    note = f"{counted(count, 'galaxy', 'galaxies')}, a bank of {size}. {HOW}"
    if fewer:
        note += f" Known is {', '.join(fewer)} of these galaxies."
    classes = dict.fromkeys(each.label for each in found if each.is_class)
    numbers = [each for each in found if not each.is_class]
    if numbers:
        _add_r2(report, numbers, note)
    for label, title, more in (
        (REDSHIFT, "Redshift", REDSHIFTS),
        *((label, name(label).capitalize(), CLASSES) for label in classes),
    ):
        own = [each for each in found if each.label == label]
        if own:
            _add_figures(report, title, own, more)


def _add_r2(report: Report, found: Sequence[Reading], note: str) -> None:
    labels = list(dict.fromkeys(each.label for each in found))
    values = {(each.way, each.label): each.scores["r2"] for each in found}
    rows: list[list[Cell]] = [
        [said(way), *(_r2(values.get((way, label))) for label in labels)]
        for way in _in_order(found)
    ]
    report.add_table("Properties: R2", ["Read off", *map(name, labels)], rows, note)


def _add_figures(report: Report, title: str, found: Sequence[Reading], note: str) -> None:
    own = {each.way: each.scores for each in found}
    figures = list(found[0].scores)
    rows: list[list[Cell]] = [
        [said(way), *(written(figure, own[way][figure]) for figure in figures)]
        for way in _in_order(found)
    ]
    report.add_table(title, ["Read off", *(WORDS[figure] for figure in figures)], rows, note)


def written(figure: str, value: float) -> str:
    """Format a metric for a table."""
    if figure in ("r2", "bias"):
        return f"{value:z.{3 if figure == 'r2' else 4}f}"
    return f"{value:.4f}" if figure == "sigma_nmad" else percent(value, 1)


def _r2(value: float | None) -> str | None:
    return None if value is None else written("r2", value)


def _in_order(found: Sequence[Reading]) -> list[str]:
    """Methods that occur, in the order of ``WAYS``."""
    there = dict.fromkeys(each.way for each in found)
    return [way for way in WAYS if way in there] + [way for way in there if way not in WAYS]
