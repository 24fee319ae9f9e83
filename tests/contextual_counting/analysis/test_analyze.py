"""The verb analyze, on networks whose circuit is known."""

import json

import pytest
from verbs import exit_code

from contextual_counting.analysis.analyze import analyze
from contextual_counting.analysis.foretell import foretell
from contextual_counting.cli import PROJECT
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
    assert found["id/head_r2/region1"] > 0.9999
    assert 0.9 < found["id/probe_r2/region1"] < found["id/head_r2/region1"]
    assert max(found[f"id/probe_{control}_r2/region1"] for control in ("shuffled", "random")) < 0.5
    assert found["id/leak/region3"] < 1e-6
    assert found["added/region/region0"] == pytest.approx(-0.2, abs=0.01)
    assert found["added/zeros/region0"] == pytest.approx(0, abs=0.01)
    assert found["without/own_1s/region2"] == -1
    for title in FIGURES:
        assert title in page
    assert "prediction of other sets is right for" in capsys.readouterr().out


def test_own_sequences_are_analyzed_in_place_of_the_training_distribution(tmp_path, capsys):
    save(build("close"), CountingData(), str(tmp_path / "last.ckpt"), "none")
    path = tmp_path / "own.txt"
    path.write_text("0 1 [ 1 0 ] 1 [ 1 1 ] 0\n0 1 [ 1 1 ] 1 [ 0 1 ] 0\n")
    analyze(str(tmp_path), data=str(path))
    found = json.loads((tmp_path / "analysis/metrics.json").read_text())
    assert found["bias/own_close/region0"] == pytest.approx(0.5)  # of two ]
    assert found["without/own_1s/region1"] == -1
    assert not any("predicted" in key or "readout" in key for key in found)
    assert "Your sequences" in capsys.readouterr().out
    analyze(str(tmp_path), data="1 [ ] 0 [ 1 1 ]", overwrite=True)  # a region without 1s or 0s
    path.write_text("[1]\n[1][0]\n")
    with pytest.raises(ValueError, match="data: 3 tokens with 1 regions, and 6 tokens with 2"):
        analyze(str(tmp_path), data=str(path), overwrite=True)


def test_what_is_foretold_of_many_networks_is_summed(tmp_path, capsys):
    for bias in ("begin", "close"):
        folder = tmp_path / "study" / bias
        folder.mkdir(parents=True)
        save(build(bias), CountingData(), str(folder / "last.ckpt"), "none")
    foretell(str(tmp_path / "study"), out=str(tmp_path / "out"), samples=60)
    found = json.loads((tmp_path / "out/metrics.json").read_text())
    assert found["foretold/failing"] == found["foretold/right_failing"] == 3 + 4
    assert found["foretold/passing"] == found["foretold/right_passing"]
    assert found["foretold/balanced_accuracy"] == 1
    shown = capsys.readouterr().out
    assert f"{found['foretold/passing']} of {found['foretold/passing']} that count" in shown
    both = f"[{tmp_path / 'study/close'},{tmp_path / 'study/close'}]"
    words = ("--out", tmp_path / "one", "--samples", "20")
    assert exit_code(PROJECT, "foretell", tmp_path / "study/close", *words) == 0
    assert exit_code(PROJECT, "foretell", both, *words, "--overwrite") == 0
    assert json.loads((tmp_path / "one/metrics.json").read_text())["foretold/failing"] == 7
    with pytest.raises(ValueError, match=r"no run of .* matches 'x'"):
        foretell(str(tmp_path / "study"), match="x", out=str(tmp_path / "none"))


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
