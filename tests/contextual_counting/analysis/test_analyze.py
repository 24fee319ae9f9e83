"""The verb analyze, on networks whose circuit is known."""

import json

import pytest

from contextual_counting.analysis.analyze import analyze
from contextual_counting.data.datamodule import CountingData
from contextual_counting.evaluation.oracle import build, save
from contextual_counting.module import CountingModule, Network

FIGURES = ("What a count is compared with", "1s by region", "Effective values", "Hidden from")


def analyzed(module, data, folder):
    save(module, data, str(folder / "last.ckpt"), "none")
    analyze(str(folder), samples=60)
    return (
        json.loads((folder / "analysis/metrics.json").read_text()),
        (folder / "analysis/index.html").read_text(),
    )


def test_the_page_of_the_oracle_tells_its_bias_and_what_fails(tmp_path, capsys):
    found, page = analyzed(build("close"), CountingData(), tmp_path)
    assert found["bias/own_close/region0"] == pytest.approx(0.25, abs=0.01)
    assert found["bias/later_close/region0"] == pytest.approx(0.5, abs=0.01)
    assert found["bias/weight/region0"] == pytest.approx(115, rel=0.01)
    assert found["prediction/right/passing"] == 1
    assert found["prediction/right/failing"] == 1
    assert found["prediction/failing"] == 3 + 4  # three regions of r3, four of r12
    assert found["r3/top1/region0"] < 0.2
    assert found["r3/predicted/region0"] == pytest.approx(found["r3/top1/region0"], abs=0.04)
    assert found["t1024/readout/region2"] == 1
    assert found["id/formula_agrees/region1"] == 1
    assert found["id/leak/region3"] < 1e-6
    assert found["added/region/region0"] == pytest.approx(-0.2, abs=0.01)
    assert found["added/zeros/region0"] == pytest.approx(0, abs=0.01)
    assert found["without/own_1s/region2"] == -1
    for title in FIGURES:
        assert title in page
    assert "prediction of other sets is right for" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("positions", "title", "absent"),
    [
        ("rotary", "Rotary planes", "Scores by learned position"),
        ("learned", "Scores by learned position", "Rotary planes"),
    ],
)
def test_position_encodings_have_their_own_pictures(tmp_path, positions, title, absent):
    data = CountingData(length=40, regions=2)
    module = CountingModule(
        Network(positions=positions, mlp=True, classes=50), regions=2, length=40
    ).eval()
    found, page = analyzed(module, data, tmp_path)
    assert title in page
    assert absent not in page
    assert "Effective values" not in page  # the decoder's MLP is not linear
    assert ("t1024/top1/region0" in found) == (positions == "rotary")
