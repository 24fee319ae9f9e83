"""Movies of a rollout: truth, prediction and error of every field side by side."""

import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from matplotlib import colormaps
from matplotlib.animation import FFMpegWriter
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from mpp.evaluation.field_maps import ERROR, STATE, Shown, draw, label, limits, redraw
from sciformer.files import write_atomically
from sciformer.report.figures import BLUE, INK, PAPER, VERMILION, figure

SUFFIXES = (".gif", ".mp4")
COLUMNS = ("truth", "prediction", "error")
WIDTH, ROW, HEAD = 6.4, 1.3, 0.65  # inches
DPI = 96
SMALLER = (1.0, 0.8, 0.65, 0.5)  # of its size, until a GIF takes no more than:
MOST = 1_500_000  # bytes
PACE, LAST = 140, 1200  # milliseconds that a frame stays, and the last one
SHADES = 40  # of each color map in a GIF, which has room for 256 colors


def check_film(path: str | Path) -> None:
    """Check that the suffix of a movie is supported.

    Args:
        path: File name with suffix ``.gif``, or ``.mp4``, which needs the program ``ffmpeg``.

    Raises:
        ValueError: If the suffix is another one, or ffmpeg is not installed.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"film: {path}: the name ends in none of {', '.join(SUFFIXES)}")
    if suffix == ".mp4" and shutil.which("ffmpeg") is None:
        raise ValueError(f"film: {path}: MP4 needs the program ffmpeg, which is not here; GIF none")


def write_film(path: str | Path, shown: Shown) -> None:
    """Write a movie, atomically.

    Args:
        path: Output file, see :func:`check_film`.
        shown: Rollout to draw.
    """
    check_film(path)
    if Path(path).suffix.lower() == ".mp4":
        write_atomically(path, lambda beside: _mp4(beside, shown))
    else:
        write_atomically(path, lambda beside: beside.write_bytes(gif(shown)))


def gif(shown: Shown) -> bytes:
    """A rollout as an animated GIF.

    Args:
        shown: Rollout; with 64 x 64 points, 30 steps and 3 fields the GIF has about 1 MB. Movies
            above 1.5 MB are scaled down, at most by half.

    Returns:
        Content of a GIF file.
    """
    content = b""
    for scale in SMALLER:
        content = _gif(shown, scale * DPI)
        if len(content) <= MOST:
            break
    return content


def _gif(shown: Shown, dpi: float) -> bytes:
    palette = Image.new("P", (1, 1))
    palette.putpalette(_colors().tobytes())
    pictures = [_few_colors(pixels, palette) for pixels in frames(shown, dpi)]
    times = [PACE] * (len(pictures) - 1) + [LAST]
    stream = BytesIO()
    pictures[0].save(
        stream, "GIF", save_all=True, append_images=pictures[1:], duration=times, loop=0
    )
    return stream.getvalue()


def _few_colors(pixels: UInt8[np.ndarray, "height width 3"], palette: Image.Image) -> Image.Image:
    picture = Image.fromarray(pixels).quantize(palette=palette, dither=Image.Dither.NONE)
    numbers = np.array(picture)
    numbers[(pixels == pixels[0, 0]).all(-1)] = 255  # Pillow takes the paper for a pale blue
    picture.frombytes(numbers.tobytes())
    return picture


def frames(shown: Shown, dpi: float | int = DPI) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """Images of a movie; static parts are drawn once."""
    fields = len(shown.description.names)
    with figure(HEAD + ROW * fields, WIDTH) as drawn:
        drawn.set_dpi(dpi)
        canvas = FigureCanvasAgg(drawn)
        moving = _panels(drawn, shown)
        title = drawn.suptitle(_title(shown, len(shown.truth) - 1), fontsize=11)
        canvas.draw()  # lays out
        drawn.set_layout_engine("none")
        for artist in (title, *(artist for _, _, artist in moving)):
            artist.set_animated(True)
        canvas.draw()
        still = canvas.copy_from_bbox(drawn.bbox)
        for step in range(len(shown.truth)):
            canvas.restore_region(still)
            title.set_text(_title(shown, step))
            drawn.draw_artist(title)
            for values, field, artist in moving:
                redraw(artist, values[step, field])
                drawn.draw_artist(artist)
            yield np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _title(shown: Shown, step: int) -> str:
    beyond = "" if np.isfinite(shown.truth[step]).any() else ", after the file's last frame"
    return f"{label(shown.name)}, {shown.time(step)}{beyond}"


def _panels(drawn: Figure, shown: Shown) -> list[tuple[np.ndarray, int, Artist]]:
    """Axes with their scales, and for each one the values, the field and the artist to update."""
    names = shown.description.names
    panels = drawn.subplots(len(names), len(COLUMNS), squeeze=False)
    moving: list[tuple[np.ndarray, int, Artist]] = []
    for field, (name, row) in enumerate(zip(names, panels, strict=True)):
        state, error = limits(shown, field)
        drawings = []
        for axes, values, scale, colors in zip(
            row,
            (shown.truth, shown.prediction, shown.error),
            (state, state, error),
            (STATE, STATE, ERROR),
            strict=True,
        ):
            artist = draw(axes, values[0, field], shown.description, scale, colors)
            moving.append((values, field, artist))
            drawings.append(artist)
        row[0].set_ylabel(label(name))
        if len(shown.description.shape) > 1:
            drawn.colorbar(drawings[1], ax=list(row[:2]), aspect=14, pad=0.02)
            drawn.colorbar(drawings[2], ax=row[2], aspect=14, pad=0.04)
    for axes, column in zip(panels[0], COLUMNS, strict=True):
        axes.set_title(column)
    return moving


def _colors() -> UInt8[np.ndarray, "256 3"]:
    """Palette: both color maps, and colors for text and lines."""
    shades = np.linspace(0, 1, SHADES)
    maps = [colormaps[name](shades)[:, :3] for name in (STATE, ERROR)]
    ramp = np.linspace(0, 1, (256 - 2 * SHADES) // 3)[:, None]
    inks = [
        to_rgb(color) + ramp * (np.array(to_rgb(PAPER)) - to_rgb(color))
        for color in (INK, BLUE, VERMILION)
    ]
    colors = np.concatenate([*maps, *inks])
    padded = np.concatenate([colors, np.tile(to_rgb(PAPER), (256 - len(colors), 1))])
    return (255 * padded).round().astype(np.uint8)


def _mp4(path: Path, shown: Shown) -> None:
    """Encode a figure's frames with ffmpeg."""
    pictures = frames(shown)
    first = next(pictures)
    height, width = (size - size % 2 for size in first.shape[:2])  # as H.264 wants it
    drawn = Figure((width / DPI, height / DPI), dpi=DPI)
    image = drawn.figimage(first[:height, :width])
    writer = FFMpegWriter(fps=round(1000 / PACE), extra_args=["-f", "mp4"])
    with writer.saving(drawn, str(path), DPI):
        writer.grab_frame()
        for pixels in pictures:
            image.set_data(pixels[:height, :width])
            writer.grab_frame()
