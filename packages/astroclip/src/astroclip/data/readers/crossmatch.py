"""Cross-match images of one source with spectra of another: by id, table or sky position."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord
from jaxtyping import Float64, Int64

from astroclip.data.batch import Galaxy
from astroclip.data.entry import OnError
from astroclip.data.on_error import FLAG
from astroclip.data.readers.catalogs import read_columns
from astroclip.data.readers.column_names import text
from astroclip.data.readers.fits import stem
from astroclip.data.source import Facts, Positions, Source

SEPARATION = 1.0  # arcsec; largest distance between image and fiber of a galaxy
IMAGE, SPECTRUM = ("image", "images"), ("spectrum", "spectra")  # columns of a table of pairs
SUFFIXES = (".fits", ".fit", ".gz", ".fz", ".npy", ".npz")  # of files of one galaxy
NONE = -1  # index of a missing partner
Pairs = Int64[np.ndarray, "pairs 2"]  # indices of image and spectrum
NAMED = 5  # largest number of ids in an error


class Paired(Source):
    """Galaxies that have an image in one source and a spectrum in another.

    They are matched by id or, where the sources share no id, by position on the sky within 1
    arcsec; or by a table, or by position alone. Matching by position drops galaxies without a
    partner and warns of their number. The id is taken from the spectrum. If a target has several
    spectra, each is paired with its image; if it has several images, the first is taken.

    Args:
        images: Source of images.
        spectra: Source of spectra.
        on_error: ``stop``: an id in only one source is an error; ``skip``: such a galaxy is an
            error when read.
        radius: Arcsec, to match by position alone; None matches by id first.
        pairs: Ids of image and spectrum of each galaxy; nothing else is then matched.

    Raises:
        ValueError: Naming ids that are in one source only.
    """

    def __init__(
        self,
        images: Source,
        spectra: Source,
        on_error: OnError = "stop",
        radius: float | None = None,
        pairs: Sequence[tuple[str, str]] | None = None,
    ) -> None:
        labels = dict.fromkeys([*images.labels, *spectra.labels])
        super().__init__(spectra.where, images=True, spectra=True, labels=tuple(labels))
        self.classes = {**images.classes, **spectra.classes}
        self.image_source, self.spectrum_source = images, spectra
        both, alone, self.how = _matched(images, spectra, radius, pairs)
        if not len(both) or (on_error != "skip" and len(alone)):
            missing = [_missing(images, alone[:, 0]), _missing(spectra, alone[:, 1])]
            hint = f" ({FLAG})" if len(both) else _hint(images, spectra)
            raise ValueError("; ".join(filter(None, missing)) + hint)
        self.pairs = np.concatenate([both, alone])

    def __len__(self) -> int:
        return len(self.pairs)

    def _named(self, number: int) -> tuple[Source, int]:
        """Source that gives a galaxy its id, and its index there."""
        image, spectrum = self.pairs[number].tolist()
        return (self.image_source, image) if spectrum == NONE else (self.spectrum_source, spectrum)

    def id(self, number: int) -> str:
        source, own = self._named(number)
        return source.id(own)

    def place(self, number: int) -> str:
        image, spectrum = self.pairs[number].tolist()
        both = ((self.image_source, image), (self.spectrum_source, spectrum))
        places = dict.fromkeys(source.place(own) for source, own in both if own != NONE)
        return ", ".join(places)

    def positions(self) -> Positions | None:
        found = self.spectrum_source.positions()
        if found is None or (self.pairs[:, 1] == NONE).any():
            return None
        return found[self.pairs[:, 1]]

    def read(self, number: int) -> Galaxy:
        image, spectrum = self.pairs[number].tolist()
        if NONE in (image, spectrum):
            source, own = self._named(number)
            source[own]  # which may be bad itself, and say why
            other = self.image_source if image == NONE else self.spectrum_source
            raise ValueError(f"{self.place(number)}: id {self.id(number)}: not in {other.where}")
        seen, measured = self.image_source[image], self.spectrum_source[spectrum]
        return measured._replace(image=seen.image, labels={**seen.labels, **measured.labels})

    def facts(self) -> Facts:
        alone = int((self.pairs == NONE).any(1).sum())
        told = {"pairs": f"{len(self) - alone} {self.how}; {alone} have no partner"}
        for name, source in (("images", self.image_source), ("spectra", self.spectrum_source)):
            told |= {f"{name}: {key}": value for key, value in source.facts().items()}
        return told


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Read which image belongs to which spectrum.

    Args:
        path: A catalog with columns of images and of spectra: ids, or names of files.

    Returns:
        Ids of image and spectrum of each row.

    Raises:
        ValueError: If there are no such columns.
    """
    found = read_columns(path)
    names = {name.lower().removesuffix("_id").removesuffix("_file"): name for name in found}
    both = [next((names[one] for one in some if one in names), None) for some in (IMAGE, SPECTRUM)]
    if None in both:
        there = ", ".join(found) or "none"
        raise ValueError(f"{path}: image, spectrum: no such columns; there are {there}")
    columns = [[_file_id(text(one)) for one in found[str(name)].tolist()] for name in both]
    return list(zip(*columns, strict=True))


def nearest_within(
    first: Float64[np.ndarray, "first 2"], second: Float64[np.ndarray, "second 2"], radius: float
) -> Int64[np.ndarray, " first"]:
    """For each position the nearest one of others on the sky (astropy's match_to_catalog_sky).

    Args:
        first: Right ascension and declination in degrees; NaN has no partner.
        second: Those of the others.
        radius: Largest distance in arcsec.

    Returns:
        Rows of the others; -1 if none is near enough.
    """
    rows = np.full(len(first), NONE)
    (known,), (others,) = (np.nonzero(np.isfinite(each).all(1)) for each in (first, second))
    if len(known) and len(others):
        ours, theirs = (SkyCoord(*each.T, unit="deg") for each in (first[known], second[others]))
        nearest, distance, _ = ours.match_to_catalog_sky(theirs)
        near = np.asarray(distance.arcsec) <= radius
        rows[known[near]] = others[np.asarray(nearest)[near]]
    return rows


def _file_id(said: str) -> str:
    """Id of a file's galaxy, if this is the name of a file."""
    return stem(Path(said)) if Path(said).suffix in SUFFIXES else said


def _matched(
    images: Source,
    spectra: Source,
    radius: float | None,
    pairs: Sequence[tuple[str, str]] | None,
) -> tuple[Pairs, Int64[np.ndarray, "alone 2"], str]:
    """Index pairs of images and spectra, indices without a partner, and how they were found."""
    if pairs is not None:
        return *_by_table(images, spectra, pairs), "by the table of pairs"
    if radius is None:
        both, alone = _by_id(images, spectra)
        if len(both):
            return both, alone, "by id"
    else:
        both, alone = _pairs([]), _pairs([(NONE, number) for number in range(len(spectra))])
    placed = _by_position(images, spectra, SEPARATION if radius is None else radius)
    if len(placed):
        within = SEPARATION if radius is None else radius
        _tell_apart(images, placed[:, 0], within)
        _tell_apart(spectra, placed[:, 1], within)
        return placed, _pairs([]), f"by position within {within} arcsec"
    return both, alone, "by id"


def _numbers(source: Source) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for number, id in enumerate(source.ids):
        numbers.setdefault(id, number)
    again = len(source) - len(numbers)
    if again:
        warnings.warn(f"{source.where}: {again} of {len(source)} have the id of another one, and "
                      "its partner", stacklevel=2)  # fmt: skip
    return numbers


def _by_id(images: Source, spectra: Source) -> tuple[Pairs, Int64[np.ndarray, "alone 2"]]:
    """Index pairs of images and spectra that share an id, and indices without a partner."""
    first, second = _numbers(images), _numbers(spectra)
    both = [(first[id], number) for number, id in enumerate(spectra.ids) if id in first]
    alone = [(number, NONE) for id, number in first.items() if id not in second]
    alone += [(NONE, number) for number, id in enumerate(spectra.ids) if id not in first]
    return _pairs(both), _pairs(alone)


def _by_table(
    images: Source, spectra: Source, pairs: Sequence[tuple[str, str]]
) -> tuple[Pairs, Int64[np.ndarray, "alone 2"]]:
    first, second = _numbers(images), _numbers(spectra)
    both = [(first[one], second[other]) for one, other in pairs if one in first and other in second]
    used = {number for pair in both for number in pair[:1]}, {number for _, number in both}
    alone = [(number, NONE) for number in first.values() if number not in used[0]]
    alone += [(NONE, number) for number in second.values() if number not in used[1]]
    return _pairs(both), _pairs(alone)


def _pairs(numbers: Sequence[tuple[int, int]]) -> Pairs:
    return np.array(numbers, np.int64).reshape(-1, 2)


def _by_position(images: Source, spectra: Source, radius: float) -> Pairs:
    first, second = images.positions(), spectra.positions()
    if first is None or second is None:
        return _pairs([])
    nearest = nearest_within(second, first, radius)
    (found,) = np.nonzero(nearest != NONE)
    return np.stack([nearest[found], found], 1)


def _hint(images: Source, spectra: Source) -> str:
    """What would help where nothing matches."""
    lacking = [source.where for source in (images, spectra) if source.positions() is None]
    places = f"; {' and '.join(lacking)} has no positions" if lacking else ""
    return f"; `pairs`, a table of image and spectrum, or `radius` in arcsec match others{places}"


def _tell_apart(source: Source, used: Int64[np.ndarray, " pairs"], radius: float) -> None:
    missing = len(source) - len(set(used.tolist()))
    if missing:
        rest = f"{missing} of {len(source)} have no partner within {radius} arcsec"
        warnings.warn(f"{source.where}: {rest}; they are left out", stacklevel=2)


def _missing(source: Source, numbers: Int64[np.ndarray, " alone"]) -> str:
    """Error message about the galaxies of a source without a partner."""
    alone = numbers[numbers != NONE].tolist()
    if not alone:
        return ""
    ids = ", ".join(source.id(number) for number in alone[:NAMED]) + ", ..." * (len(alone) > NAMED)
    return f"{source.where}: id {ids}: {len(alone)} of {len(source)} have no partner"
