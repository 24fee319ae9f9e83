"""Movies of a rollout: truth, prediction and error of every field side by side."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from mpp.evaluation.field_maps import ERROR, STATE, Shown, draw, label, limits, redraw
from sciformer.files import write_atomically
from sciformer.report.figures import BLUE, INK, PAPER, VERMILION, figure
from sciformer.report.html import Film

try:
    from imageio_ffmpeg import get_ffmpeg_exe
except ImportError:  # the extra ``film`` is not installed
    get_ffmpeg_exe = None

SUFFIXES = (".gif", ".mp4")
COLUMNS = ("truth", "prediction", "error")
WIDTH, ROW, HEAD = 6.4, 1.3, 0.65  # inches
DPI, SHARP = 96, 192  # of a GIF, of an MP4
H264 = [  # options of ffmpeg
    *("-an", "-c:v", "libx264", "-preset", "medium", "-crf", "26"),
    *("-pix_fmt", "yuv420p", "-movflags", "+faststart"),
]
SMALLER = (1.0, 0.8, 0.65, 0.5)  # of its size, until a GIF takes no more than:
MOST = 1_500_000  # bytes
PACE, LAST = 140, 1200  # milliseconds that a frame stays, and the last one
SHADES = 40  # of each color map in a GIF, which has room for 256 colors


def check_film(path: str | Path) -> None:
    """Check that the suffix of a movie is supported.

    Args:
        path: File name with suffix ``.gif``, or ``.mp4``, which needs ``ffmpeg``.

    Raises:
        ValueError: If the suffix is another one, or there is no ffmpeg.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"film: {path}: the name ends in none of {', '.join(SUFFIXES)}")
    if suffix == ".mp4" and encoder() is None:
        raise ValueError(
            f"film: {path}: MP4 needs ffmpeg, which is not here; GIF needs none "
            "(pip install 'sciformer-mpp[film]')"
        )


def encoder() -> str | None:
    """Path of ffmpeg: that of the extra ``film``, else the system's."""
    return shutil.which("ffmpeg") if get_ffmpeg_exe is None else get_ffmpeg_exe()


def write_film(path: str | Path, shown: Shown) -> None:
    """Write a movie, atomically.

    Args:
        path: Output file, see :func:`check_film`.
        shown: Rollout to draw.
    """
    check_film(path)
    encode = mp4 if Path(path).suffix.lower() == ".mp4" else gif
    write_atomically(path, lambda beside: beside.write_bytes(encode(shown)))


def film(shown: Shown) -> Film:
    """A movie for a page: MP4 with a poster, or a GIF where there is no ffmpeg."""
    if encoder() is None:
        return Film(gif(shown))
    pictures = list(frames(shown, SHARP))
    palette = _palette()
    poster = BytesIO()
    _few_colors(pictures[len(pictures) // 2], palette).save(poster, "PNG", optimize=True)
    return Film(_h264(pictures), poster.getvalue())


def mp4(shown: Shown) -> bytes:
    """A rollout as H.264 in MP4, twice as sharp as a GIF."""
    return _h264(list(frames(shown, SHARP)))


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
    palette = _palette()
    pictures = [_few_colors(pixels, palette) for pixels in frames(shown, dpi)]
    times = [PACE] * (len(pictures) - 1) + [LAST]
    stream = BytesIO()
    pictures[0].save(
        stream, "GIF", save_all=True, append_images=pictures[1:], duration=times, loop=0
    )
    return stream.getvalue()


def _palette() -> Image.Image:
    palette = Image.new("P", (1, 1))
    palette.putpalette(_colors().tobytes())
    return palette


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


def _h264(pictures: list[UInt8[np.ndarray, "height width 3"]]) -> bytes:
    """Encode pictures with ffmpeg; the last one stays for longer."""
    height, width = (size - size % 2 for size in pictures[0].shape[:2])  # as H.264 wants it
    given = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        command = [str(encoder()), *given, "-r", f"1000/{PACE}", "-i", "-", *H264, str(path)]
        frames = [pixels[:height, :width].tobytes() for pixels in pictures]
        every = b"".join([*frames, *frames[-1:] * (LAST // PACE)])
        subprocess.run(command, input=every, check=True, capture_output=True)
        return path.read_bytes()
