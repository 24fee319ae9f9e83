"""Cross-match images of one source with spectra of another, by id or by sky position."""

import warnings
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64
from scipy.spatial import KDTree

from astroclip.data.batch import Galaxy
from astroclip.data.source import OnError, Positions, Source

SEPARATION = 1.0  # arcsec; largest distance between image and fiber of a galaxy
ARCSEC = np.pi / 180 / 3600
NONE = -1  # index of a missing partner
Pairs = Int64[np.ndarray, "pairs 2"]  # indices of image and spectrum
NAMED = 5  # largest number of ids in an error


class Paired(Source):
    """Galaxies that have an image in one source and a spectrum in another.

    They are matched by id or, where the sources share no id, by position on the sky within 1
    arcsec. Matching by position drops galaxies without a partner and warns of their number. The id
    is taken from the spectrum.

    Args:
        images: Source of images.
        spectra: Source of spectra.
        on_error: ``raise``: an id in only one source is an error; ``skip``: such a galaxy is an
            error when read.

    Raises:
        ValueError: Naming ids that are in one source only, or repeated.
    """

    def __init__(self, images: Source, spectra: Source, on_error: OnError = "raise") -> None:
        labels = dict.fromkeys([*images.labels, *spectra.labels])
        super().__init__(spectra.where, images=True, spectra=True, labels=tuple(labels))
        self.image_source, self.spectrum_source = images, spectra
        both, alone = _by_id(images, spectra)
        if not len(both):
            both = _by_position(images, spectra)
            if len(both):
                alone = alone[:0]
                _tell_apart(images, both[:, 0])
                _tell_apart(spectra, both[:, 1])
        if not len(both) or (on_error == "raise" and len(alone)):
            missing = [_missing(images, alone[:, 0]), _missing(spectra, alone[:, 1])]
            raise ValueError("; ".join(filter(None, missing)))
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


def _numbers(source: Source) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for number, id in enumerate(source.ids):
        if numbers.setdefault(id, number) != number:
            raise ValueError(f"{source.where}: id {id} is there twice")
    return numbers


def _by_id(images: Source, spectra: Source) -> tuple[Pairs, Int64[np.ndarray, "alone 2"]]:
    """Index pairs of images and spectra that share an id, and indices without a partner."""
    first, second = _numbers(images), _numbers(spectra)
    both = [(first[id], number) for id, number in second.items() if id in first]
    alone = [(number, NONE) for id, number in first.items() if id not in second]
    alone += [(NONE, number) for id, number in second.items() if id not in first]
    return _pairs(both), _pairs(alone)


def _pairs(numbers: Sequence[tuple[int, int]]) -> Pairs:
    return np.array(numbers, np.int64).reshape(-1, 2)


def _by_position(images: Source, spectra: Source) -> Pairs:
    first, second = images.positions(), spectra.positions()
    if first is None or second is None:
        return _pairs([])
    farthest = 2 * np.sin(SEPARATION * ARCSEC / 2)
    distance, nearest = KDTree(_on_sphere(first)).query(
        _on_sphere(second), distance_upper_bound=farthest
    )
    (found,) = np.nonzero(np.isfinite(distance))
    return np.stack([np.asarray(nearest)[found], found], 1)


def _on_sphere(positions: Positions) -> Float64[np.ndarray, "galaxies 3"]:
    ra, dec = np.radians(positions).T
    return np.stack([np.cos(ra) * np.cos(dec), np.sin(ra) * np.cos(dec), np.sin(dec)], 1)


def _tell_apart(source: Source, used: Int64[np.ndarray, " pairs"]) -> None:
    missing = len(source) - len(set(used.tolist()))
    if missing:
        rest = f"{missing} of {len(source)} have no partner within {SEPARATION} arcsec"
        warnings.warn(f"{source.where}: {rest}; they are left out", stacklevel=2)


def _missing(source: Source, numbers: Int64[np.ndarray, " alone"]) -> str:
    """Error message about the galaxies of a source without a partner."""
    alone = numbers[numbers != NONE].tolist()
    if not alone:
        return ""
    ids = ", ".join(source.id(number) for number in alone[:NAMED]) + ", ..." * (len(alone) > NAMED)
    return f"{source.where}: id {ids}: {len(alone)} of {len(source)} have no partner"
