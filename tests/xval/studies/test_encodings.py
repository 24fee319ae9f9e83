"""The sweep, at the smallest size at which all of it happens."""

import json

import pytest
import yaml

from xval.studies.encodings import Setup, sweep


def configuration(path, **data):
    said = {
        "trainer": {"accelerator": "cpu", "devices": 1, "max_epochs": 2, "log_every_n_steps": 1},
        "model": {"dim": 16, "depth": 1, "heads": 2, "warmup": 1},
        "data": {
            "sets": [
                {"set": "orbits", "count": 60, "parameters": {"frames": 1}},
                {
                    "set": "orbits",
                    "count": 9,
                    "split": "test",
                    "parameters": {"frames": 1, "outside": 1.0},
                },
            ],
            "gaps": {"a": [1.0, 1.125]},
            "ask": 0.5,
            "context": 12,
            "batch_size": 16,
            **data,
        },
    }
    path.write_text(yaml.safe_dump(said))
    return str(path)


@pytest.mark.process
@pytest.mark.usefixtures("quick_children", "here")
def test_every_encoding_is_trained_measured_and_compared(tmp_path, capsys):
    config = configuration(tmp_path / "tiny.yaml")
    sweep(config, "out", ["p1000"], seeds=1, jobs=2, longest=3.0)
    found = json.loads((tmp_path / "out/metrics.json").read_text())
    assert found["study/runs"] == 4
    for encoding, arm in (("xval", "samples"), ("p1000", "samples"), ("p1000", "time")):
        assert found[f"orbits/ood/mse/a/{encoding}/{arm}"] > 0
    assert found["study/texts_seen/p1000/samples"] == found["study/texts_seen/xval/samples"] > 0
    seconds = found["study/training_cpu_s/xval/samples"]
    assert found["study/training_cpu_s/p1000/time"] == pytest.approx(seconds, abs=0.3)  # one step
    assert found["study/training_cpu_s/p1000/converged"] <= 3 * seconds + 0.3
    assert found["orbits/mse/a/baseline_linear"] > 0
    page = (tmp_path / "out/index.html").read_text()
    for title in ("What it costs", "orbits, in the gap of a: beside it and in it", "Error and CPU"):
        assert title in page
    assert "CPU time" in capsys.readouterr().out
    before = (tmp_path / "out/index.html").stat().st_mtime_ns
    sweep(config, "out", ["p1000"], seeds=1, jobs=2, longest=3.0)  # nothing is run again
    again = json.loads((tmp_path / "out/metrics.json").read_text())
    assert (tmp_path / "out/index.html").stat().st_mtime_ns > before
    assert again.pop("run").keys() == found.pop("run").keys()
    assert again == found


def test_runs_differ_in_encoding_and_budget_alone():
    setup = Setup("x.yaml", 10, [0], 10.0)
    own, text = setup.run("xval", "samples", 0), setup.run("p10", "samples", 0)
    clipped = {"--data.context=50", "--data.clip=true"}
    assert set(text.words) - set(own.words) == {"p10"} | clipped
    assert set(own.words) - set(text.words) == {"xval"}
    timed, whole = (setup.run("p10", arm, 0, 12.345) for arm in ("time", "converged"))
    (budget,) = (json.loads(word.split("+=")[1]) for word in timed.words if "+=" in word)
    assert budget["init_args"] == {"seconds": 12.35}
    (budget,) = (json.loads(word.split("+=")[1]) for word in whole.words if "+=" in word)
    assert budget["init_args"] == {"seconds": 123.45, "cooldown": 0.2, "patience": 3}
    assert "--trainer.max_epochs=-1" in timed.words


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"encodings": ["p20"]}, "encoding: 'p20' is none of"),
        ({"seeds": 0}, "seeds: 0 is less than 1"),
        ({"longest": 0.0}, "longest: 0.0 is not above 0"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_run(tmp_path, options, line):
    with pytest.raises(ValueError, match=line):
        sweep(configuration(tmp_path / "x.yaml"), str(tmp_path / "out"), **options)


def test_a_configuration_without_data_is_named(tmp_path):
    (tmp_path / "x.yaml").write_text("trainer: {max_epochs: 1}\n")
    with pytest.raises(ValueError, match=r"x.yaml: data.context"):
        sweep(str(tmp_path / "x.yaml"), str(tmp_path / "out"))
