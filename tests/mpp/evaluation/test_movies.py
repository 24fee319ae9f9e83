import stat
from io import BytesIO

import numpy as np
import pytest
from matplotlib.figure import Figure
from mpp_trained import KNOWN, windows
from PIL import Image, ImageSequence

from mpp.data.description import Description, by_name
from mpp.evaluation import field_maps, movies
from mpp.evaluation.comparison import compare
from mpp.evaluation.field_maps import ERROR, STATE, Shown, draw, flat, limits, redraw
from mpp.evaluation.figures import add_errors, add_film, add_spectra, add_strip
from mpp.evaluation.movies import check_film, gif, write_film
from sciformer.report.report import Report

SHAPES = {1: (40,), 2: (12, 9), 3: (8, 6, 5)}


def shown(axes=2, steps=3, fields=("height", "velocity_x")):
    shape = SHAPES[axes]
    description = Description(
        tuple(by_name(name) for name in fields), shape, ("open",) * axes, (0.5,) * axes, 0.1
    )
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(steps, len(fields), *shape)).astype(np.float32)
    return Shown("waves", description, truth, truth + 0.1, 0.3)


def pictures(content):
    found = ImageSequence.Iterator(Image.open(BytesIO(content)))
    return [np.asarray(picture.convert("RGB")) for picture in found]


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_film_has_a_picture_for_each_step_and_repeats(axes):
    found = Image.open(BytesIO(gif(shown(axes, steps=4))))
    assert (found.n_frames, found.info["loop"]) == (4, 0)
    times = [picture.info["duration"] for picture in ImageSequence.Iterator(found)]
    assert times == [movies.PACE] * 3 + [movies.LAST]


def test_pictures_of_a_film_differ_where_the_frames_do():
    rollout = shown(steps=2)
    still = rollout._replace(truth=rollout.truth[[0, 0]], prediction=rollout.prediction[[0, 0]])

    def changed(one):
        first, second = pictures(gif(one))
        return (first != second).any(-1).mean()

    assert changed(rollout) > 0.1  # of all pixels
    assert changed(still) < 0.01  # the time above


def test_a_film_of_30_steps_of_three_fields_at_64_by_64_is_below_1_5_megabytes():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(30, 3, 64, 64)).astype(np.float32)
    waves = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.rfftfreq(64))
    truth = np.fft.irfft2(np.fft.rfft2(noise) * (waves < 0.1)).astype(np.float32)
    fields = tuple(by_name(name) for name in ("velocity_x", "velocity_y", "tracer"))
    known = Description(fields, (64, 64), ("periodic",) * 2, (1.0, 1.0), 0.1)
    content = gif(Shown("flow", known, truth, truth + 0.01 * noise, 0.0))
    assert len(content) < 1_500_000
    assert len(pictures(content)) == 30


def test_truth_and_prediction_have_the_truths_scale_and_the_error_one_around_zero():
    rollout = shown()
    state, error = limits(rollout, 1)
    assert state == (rollout.truth[:, 1].min(), rollout.truth[:, 1].max())
    assert error == pytest.approx((-0.1, 0.1), rel=1e-5)
    far = rollout._replace(prediction=1e6 * rollout.prediction)
    assert limits(far, 1)[0] == state
    assert limits(far, 1)[1] == pytest.approx((state.low - state.high, state.high - state.low))


def test_a_rollout_without_truth_has_the_predictions_scale():
    rollout = shown()
    alone = rollout._replace(truth=np.full_like(rollout.truth, np.nan))
    assert limits(alone, 0)[0] == (rollout.prediction[:, 0].min(), rollout.prediction[:, 0].max())
    assert len(pictures(gif(alone))) == 3


def test_x_goes_to_the_right_and_y_up():
    rollout = shown()
    frame = np.zeros(SHAPES[2], np.float32)
    frame[10, 2] = 1.0
    axes = Figure().subplots()
    image = draw(axes, frame, rollout.description, field_maps.Limits(0, 1), STATE)
    assert image.get_array()[2, 10] == 1
    assert image.get_extent() == [0, 6.0, 0, 4.5]
    assert axes.get_ylim() == (0, 4.5)


def test_another_frame_takes_the_place_of_the_first():
    rollout = shown(1)
    line = draw(
        Figure().subplots(),
        rollout.truth[0, 0],
        rollout.description,
        field_maps.Limits(0, 1),
        ERROR,
    )
    redraw(line, rollout.truth[1, 0])
    assert np.array_equal(line.get_ydata(), rollout.truth[1, 0])


def test_a_map_is_the_middle_plane_and_has_at_most_128_points_along_an_axis():
    volume = np.arange(4 * 300 * 5, dtype=np.float32).reshape(4, 300, 5)
    assert np.array_equal(flat(volume), volume[:, ::3, 2])


def test_the_time_of_a_step_counts_from_the_history():
    assert shown().time(1) == "t = 0.5 (step 2)"


def test_another_format_is_refused_in_one_line():
    with pytest.raises(ValueError, match=r"^film: film.avi: the name ends in none of .gif, .mp4$"):
        check_film("film.avi")


def test_mp4_without_ffmpeg_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(movies, "get_ffmpeg_exe", None)
    with pytest.raises(ValueError, match=r"^film: a.mp4: MP4 needs ffmpeg.*sciformer-mpp\[film\]"):
        write_film("a.mp4", shown())


def test_mp4_gives_ffmpeg_every_picture_and_appears_whole(tmp_path, monkeypatch):
    """The stand-in for ffmpeg writes what it is given to the file that it is told."""
    program = tmp_path / "ffmpeg"
    program.write_text('#!/bin/sh\nfor last; do :; done\nexec /bin/cat > "$last"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(movies, "get_ffmpeg_exe", None)
    write_film(tmp_path / "a.mp4", shown(steps=4))
    width, height = (2 * side for side in Image.open(BytesIO(gif(shown()))).size)
    pictures = 4 + movies.LAST // movies.PACE
    written = (tmp_path / "a.mp4").read_bytes()
    assert len(written) == 3 * pictures * (width - width % 2) * (height - height % 2)  # RGB
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "ffmpeg"]


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_all_pictures_of_any_number_of_axes_fit_on_a_page_that_loads_nothing(
    axes, tmp_path, monkeypatch
):
    monkeypatch.setattr(movies, "encoder", lambda: None)
    report, rollout = Report("test", {}), shown(axes, steps=5)
    add_strip(report, rollout, 1, [0, 2, 4])
    add_film(report, rollout)
    page = report.write(tmp_path).read_text()
    assert page.count("data:image/gif;base64,") == 1
    assert page.count("data:image/svg+xml,") == 1
    assert "://" not in page


def test_a_film_of_a_page_has_a_poster_where_there_is_ffmpeg():
    pytest.importorskip("imageio_ffmpeg", reason="the extra film is not installed")
    made = movies.film(shown(steps=4))
    assert made.content[4:8] == b"ftyp"  # of an MP4
    width, height = Image.open(BytesIO(made.poster)).size
    assert (width, height) == tuple(2 * side for side in Image.open(BytesIO(gif(shown()))).size)


def test_errors_and_spectra_are_drawn_for_each_field(tmp_path):
    report = Report("test", {})
    compared = compare("waves", KNOWN, [windows()], lambda batch: 0.9 * batch.target)
    add_errors(report, compared)
    add_spectra(report, compared)
    assert report.write(tmp_path).read_text().count("data:image/svg+xml,") == 2
