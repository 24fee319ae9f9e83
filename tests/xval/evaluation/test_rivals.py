"""Intervals and scores of a network and of the baselines, on the same rows."""

import numpy as np
import pytest
from xval_small import data, taught

from sciformer.evaluation.comparison import MODEL
from xval.evaluation.baselines import QUANTILES
from xval.evaluation.coverage import coverage
from xval.evaluation.rivals import Rivals
from xval.nn.intervals import Spread


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Numbers with a noise that grows with them."""
    draws = np.random.default_rng(0)
    x = draws.uniform(0, 1, 1500)
    y = 3 * x + (0.05 + x) * draws.normal(size=1500)
    path = tmp_path_factory.mktemp("noise") / "noise.csv"
    path.write_text("x,y\n" + "".join(f"{a:.5f},{b:.5f}\n" for a, b in zip(x, y, strict=True)))
    shares = {"train": 0.4, "val": 0.3, "test": 0.3}
    given = data(sets=None, gaps=None, files=[str(path)], answers=["y"], ask=0.8, splits=shares)
    network = {"dim": 16, "depth": 1, "heads": 2, "quantiles": 10}
    own = taught(given, 200, network=network, transform="standard")
    return Rivals(own, given).compare("noise", given.test_dataloader()[0], given)


def test_every_method_has_intervals_that_hold_90_percent(compared):
    for method in (MODEL, "mean", "linear", "boosting", QUANTILES):
        found = compared.coverage("y", method)
        assert found.coverage == pytest.approx(0.9, abs=0.05)  # of 450, twice
        assert (
            compared.numbers()[
                f"noise/coverage/y{'' if method == MODEL else '/baseline_' + method}"
            ]
            == found.coverage
        )


def test_sets_of_different_noise_have_intervals_of_their_own(tmp_path):
    draws, files = np.random.default_rng(0), []
    for name, noise in (("calm", 0.1), ("wild", 2.0)):
        x = draws.uniform(0, 1, 600)
        y = x + noise * draws.normal(size=600)
        path = tmp_path / f"{name}.csv"
        rows = "".join(f"{a:.5f},{b:.5f}\n" for a, b in zip(x, y, strict=True))
        path.write_text("x,y\n" + rows)
        files.append(str(path))
    shares = {"train": 0.3, "val": 0.3, "test": 0.4}
    given = data(sets=None, gaps=None, files=files, answers=["y"], ask=0.8, splits=shares)
    rivals = Rivals(taught(given, 20, transform="standard"), given)
    for name, loader in zip(given.names, given.test_dataloader(), strict=True):
        found = rivals.compare(name, loader, given).coverage("y", "linear")
        assert found.coverage == pytest.approx(0.9, abs=0.06)  # of 240; together 1 and .8


def test_an_interval_is_as_wide_as_the_noise_where_the_network_has_quantiles(compared):
    known, same = (compared.spreads[method] for method in (MODEL, "linear"))
    wide = known.high - known.low
    assert np.corrcoef(wide, compared.answers["linear"])[0, 1] > 0.7
    assert (same.high - same.low).std() < 1e-9
    assert compared.coverage("y").width < compared.coverage("y", "linear").width
    assert compared.coverage("y").crps < 0.85 * compared.scores("y").mae


def test_a_score_is_the_exact_one_of_points_and_copies_are_inside_their_intervals():
    truth = np.array([1.0, 2.0, 1e8])
    none = np.full((3, 1), np.nan)
    same = Spread(truth, truth, truth * (1 - 1e-8), truth[:, None])
    assert coverage(same, truth).coverage == 1
    assert coverage(same, truth).crps == 0
    off = Spread(truth + 1, truth + 1, truth + 1, truth[:, None] + 1)
    assert coverage(off, truth).coverage == pytest.approx(1 / 3)  # 1 is below the digits of 1e8
    assert coverage(off, truth).crps == pytest.approx(1)
    assert coverage(Spread(none[:, 0], truth, none[:, 0], none), truth) is None
