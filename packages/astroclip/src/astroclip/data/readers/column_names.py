"""Names under which files hold the same thing: ids, positions, redshifts, spectra, images."""

from collections.abc import Iterable, Mapping

import numpy as np

# Role -> names in small letters; the first that a file has is taken, in any case.
NAMES: Mapping[str, tuple[str, ...]] = {
    "id": (
        "object_id", "targetid", "targetids", "id", "ids", "objid", "obj_id", "objectid",
        "specobjid", "galaxy_id", "source_id", "sourceid", "name", "object", "specid", "sparcl_id",
        "dr8_id", "iauname", "inds",
    ),
    "ra": (
        "ra", "target_ra", "plug_ra", "plugra", "mean_fiber_ra", "fiber_ra", "raj2000", "ra_j2000",
        "ra_deg",
    ),
    "dec": (
        "dec", "target_dec", "plug_dec", "plugdec", "mean_fiber_dec", "fiber_dec", "dej2000",
        "decj2000", "dec_j2000", "dec_deg",
    ),
    "redshift": ("redshift", "redshifts", "z", "z_spec", "zspec", "z_hp"),
    "warning": ("zwarn", "zwarning", "redshift_warning"),
    "flux": ("spectrum_flux", "spectrum.flux", "flux", "fluxes", "spectrum", "spectra"),
    "ivar": ("spectrum_ivar", "spectrum.ivar", "ivar", "flux_ivar", "invvar"),
    "sigma": (
        "spectrum_error", "spectrum.error", "error", "err", "sigma", "flux_error", "flux_err",
        "uncertainty",
    ),
    "wavelength": (
        "spectrum_lambda", "spectrum.lambda", "spectrum_wavelength", "spectrum.wavelength",
        "wavelength", "wavelengths", "wave", "lambda", "lam", "loglam",
    ),
    "mask": (
        "spectrum_mask", "spectrum.mask", "mask", "and_mask", "andmask",
    ),
    "image": (
        "image_array", "image.array", "image_flux", "image.flux", "image", "images", "cutout",
        "cutouts",
    ),
    "bands": ("image_band", "image.band", "bands", "band"),
    "scale": ("image_scale", "image.scale", "scale", "pixel_scale", "pixscale"),
}  # fmt: skip
OTHER_BANDS = {"g", "r"}  # beside which a column z is a magnitude
TRACTOR = ("release", "brickid", "objid")  # of which DESI makes the id of a target
SHIFTS = (42, 22, 0)  # bits


def column(names: Iterable[str], role: str) -> str | None:
    """A file's own name of a column.

    Args:
        names: Names of all its columns.
        role: A key of ``NAMES``.

    Returns:
        The name as in the file; None if there is no such column.
    """
    there: dict[str, str] = {}
    for name in names:
        there.setdefault(name.lower(), name)
    photometry = there.keys() >= OTHER_BANDS
    for name in NAMES[role]:
        if name in there and not (name == "z" and photometry and role == "redshift"):
            return there[name]
    return None


def columns(names: Iterable[str], *roles: str) -> list[str] | None:
    """A file's own names of several columns; None if one is missing."""
    found = [column(names, role) for role in roles]
    return None if None in found else [name for name in found if name is not None]


def sure(redshift: np.ndarray, name: str, warning: np.ndarray | None, warned: str) -> np.ndarray:
    """Redshifts that are known, NaN elsewhere.

    Args:
        redshift: Values.
        name: Name of their column; 0 in ``z_spec`` says that none was measured.
        warning: DESI's and SDSS's bit masks, where 0 is good; None if there are none. In a column
            ZWARN of booleans, True is good: the Multimodal Universe inverts it.
        warned: Name of the column of warnings.

    Returns:
        Float64 values.
    """
    values = np.asarray(redshift, np.float64)
    good = values > 0 if name.lower() == "z_spec" else np.isfinite(values)
    if warning is not None:
        inverted = warning.dtype == bool and warned.lower() == "zwarn"
        good = good & (warning.astype(bool) if inverted else warning == 0)
    return np.where(good, values, np.nan)


def checked_ids(found: np.ndarray, place: str) -> np.ndarray:
    """Check that ids are integers or strings, and return them; else ``ValueError``."""
    if found.ndim != 1 or found.dtype.kind not in "iuSUOT":
        raise ValueError(f"{place}: {found.dtype} of shape {found.shape} are no ids")
    return found


def text(name: bytes | str | int | np.generic) -> str:
    """Decode an id or a band name; undecodable bytes are shown as codes."""
    said = name.decode(errors="backslashreplace") if isinstance(name, bytes) else str(name)
    return said.strip()


def desi_targets(tractor: Mapping[str, np.ndarray]) -> np.ndarray:
    """TARGETID of DESI from a Tractor catalog's columns ``TRACTOR`` (desitarget's bit layout)."""
    parts = (
        tractor[name].astype(np.int64) << shift for name, shift in zip(TRACTOR, SHIFTS, strict=True)
    )
    return np.bitwise_or.reduce(list(parts))
