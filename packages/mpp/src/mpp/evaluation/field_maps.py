"""Plot one frame of a field as a map, or as a line in one dimension."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D

from mpp.data.description import Description
from sciformer.report.figures import BLUE, INK, VERMILION

MOST = 128  # points of a map along each axis; more take room and nobody sees them
STATE, ERROR = "viridis", "RdBu_r"
LONG = 4  # a domain that is longer than this is not drawn to scale

Values = Float[np.ndarray, "*space"]


class Shown(NamedTuple):
    """A rollout to draw; truth is NaN where not available.

    Args:
        name: Name of the system.
        description: Description of its trajectories.
        truth: True frames after the history.
        prediction: Predicted frames.
        start: Time of the last frame of the history.
    """

    name: str
    description: Description
    truth: Float[np.ndarray, "steps fields *space"]
    prediction: Float[np.ndarray, "steps fields *space"]
    start: float

    @property
    def error(self) -> Float[np.ndarray, "steps fields *space"]:
        """Prediction minus truth."""
        return self.prediction - self.truth

    def time(self, step: int) -> str:
        """Time of a step, counted from 0."""
        dt = self.description.dt
        return f"t = {self.start + (step + 1) * dt:.4g} (step {step + 1})"


class Limits(NamedTuple):
    """Limits of a scale."""

    low: float
    high: float


def limits(shown: Shown, field: int) -> tuple[Limits, Limits]:
    """Scales of one field: one for truth and prediction, one for the error.

    Values have the range of the truth, if available, so that a diverging rollout does not hide it.
    Errors reach to the largest error on both sides of 0, but no further than the width of that
    range.

    Args:
        shown: The rollout.
        field: Index of the field.

    Returns:
        Scale of the values and scale of the error.
    """
    truth = _finite(shown.truth[:, field])
    values = truth if truth.size else _finite(shown.prediction[:, field])
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    errors = np.abs(_finite(shown.error[:, field]))
    most = min(float(errors.max()) if errors.size else 0.0, high - low) or high - low
    return Limits(low, high), Limits(-most, most)


def _finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


def flat(frame: Values) -> Float[np.ndarray, "*drawn"]:
    """Values of a frame to plot, at most 128 points per axis; in 3D the middle of the last axis."""
    if frame.ndim == 3:
        frame = frame[..., frame.shape[-1] // 2]
    return frame[tuple(slice(None, None, -(-size // MOST)) for size in frame.shape)]


def extent(description: Description) -> list[float]:
    """Extent of the first two spatial axes (or of the only one), in the units of the data."""
    lengths = [n * h for n, h in zip(description.shape, description.spacing, strict=True)]
    return [end for length in lengths[:2] for end in (0.0, length)]


def draw(
    axes: Axes, frame: Values, description: Description, scale: Limits, colors: str
) -> AxesImage | Line2D:
    """Draw a frame.

    Args:
        axes: Axes to draw on.
        frame: Frame of one field.
        description: Description of the trajectories.
        scale: Limits of the color scale, or of a line plot's vertical axis.
        colors: ``STATE`` or ``ERROR``.

    Returns:
        Artist to pass to :func:`redraw`.
    """
    ends = extent(description)
    if frame.ndim == 1:
        return _line(axes, frame, ends, scale, colors)
    axes.grid(False)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_facecolor("none")
    long = max(ends) / min(end for end in ends if end)
    return axes.imshow(
        flat(frame).T,
        cmap=colors,
        vmin=scale.low,
        vmax=scale.high,
        origin="lower",
        extent=(ends[0], ends[1], ends[2], ends[3]),
        aspect="equal" if long <= LONG else "auto",
    )


def _line(axes: Axes, frame: Values, ends: Sequence[float], scale: Limits, colors: str) -> Line2D:
    values = flat(frame)
    (line,) = axes.plot(
        np.linspace(ends[0], ends[1], len(values), endpoint=False),
        values,
        color=VERMILION if colors == ERROR else BLUE,
        linewidth=1.4,
    )
    room = 0.05 * (scale.high - scale.low)
    axes.set(xlim=ends, ylim=(scale.low - room, scale.high + room))
    axes.axhline(0, color=INK, linewidth=0.5)
    return line


def redraw(artist: Artist, frame: Values) -> None:
    """Update the frame in a plot made by :func:`draw`."""
    if isinstance(artist, AxesImage):
        artist.set_data(flat(frame).T)
    elif isinstance(artist, Line2D):
        artist.set_ydata(flat(frame))


def label(name: str) -> str:
    """Readable name of a field: ``velocity x``."""
    return name.replace("_", " ")


def place(description: Description) -> str:
    """Sentence that describes the axes of a plot."""
    sides = [n * h for n, h in zip(description.shape, description.spacing, strict=True)]
    size = " x ".join(f"{side:.4g}" for side in sides)
    points = " x ".join(map(str, description.shape))
    words = ("x to the right", "y up", "the middle of z")[: len(sides)]
    return f"Axes: {', '.join(words)}; a domain of {size} at {points} points."
