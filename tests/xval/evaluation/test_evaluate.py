"""Evaluation: every asked number of the test, the same for any batch, beside the baselines."""

import json

import numpy as np
import pytest
import torch
from verbs import exit_code, refusal
from xval_small import SETS, data, taught

from sciformer.training.checkpoints import checkpoint
from xval.cli import PROJECT
from xval.evaluation.comparison import written
from xval.evaluation.evaluate import gaps, measure, open_data
from xval.inference.ask_command import open_run
from xval.metrics import scores
from xval.studies.encodings import kept_answers

pytestmark = pytest.mark.filterwarnings("ignore:.* left over are dropped")


def save(folder, module=None, **options):
    """A checkpoint as a fit writes it, of a network that has hardly been trained."""
    torch.manual_seed(0)
    own = data(**{"context": 128, **options})
    module = module or taught(own, 3)
    state = {"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}
    state["datamodule_hyper_parameters"] = dict(own.hparams)
    checkpoint.stamp(state, module, {"seed": 0, "cpu_s": 1.0})
    torch.save(state, folder / "last.ckpt")
    return module


def measured(folder, other=None, samples=None):
    """The answers of an evaluation, by set, without its page."""
    run = open_run(folder, "cpu")
    sets = measure(run.module, *open_data(run, other), samples)
    return {compared.name: compared for compared in sets}


def xval(*words):
    """Run a verb in this process; its exit code."""
    return exit_code(PROJECT, *words)


def complaint(capsys, *words):
    return refusal(PROJECT, capsys, *words)


def station(path, shift=0):
    days = np.arange(np.datetime64("2001-01-01"), np.datetime64("2001-04-11")).astype(str)
    rows = [f"{day},{20 + shift + number % 7}" for number, day in enumerate(days)]
    path.write_text("\n".join(["date,temperature", *rows]))
    return {"path": str(path), "target": "temperature", "history": 2}


@pytest.mark.parametrize("encoding", ["xval", "p10"])
def test_the_figures_are_those_of_all_asked_numbers_of_the_test(tmp_path, encoding):
    module = save(tmp_path, encoding=encoding)
    found = measured(tmp_path)
    source = data(encoding=encoding, context=128)
    assert list(found) == source.names == ["orbits", "trees", "orbits/ood"]
    for name, loader in zip(source.names, source.test_dataloader(), strict=True):
        batches = list(loader)
        answers = torch.cat([module.answer(batch)[batch.asked >= 0] for batch in batches])
        truth = torch.cat([batch.truth[batch.asked >= 0] for batch in batches])
        field = written("=" if name == "trees" else "a")
        numbers = found[name].numbers()
        for metric, value in scores(answers, truth)._asdict().items():
            assert numbers[f"{name}/{metric}/{field}"] == pytest.approx(value, nan_ok=True)
        assert numbers[f"{name}/answers/{field}"] == numbers[f"{name}/texts"] == len(truth)
        assert numbers[f"{name}/mse/{field}/baseline_mean"] > 0
    assert numbers["orbits/ood/tokens_per_text"] == 7 + 6 * module.code.length


def test_batches_of_another_size_give_the_same_answers(tmp_path):
    module = save(tmp_path, batch_size=16, encoding="p1000")
    whole = measured(tmp_path)
    save(tmp_path, module, batch_size=5, encoding="p1000")
    for name, compared in measured(tmp_path).items():
        assert compared.truth.tolist() == whole[name].truth.tolist()
        for method, answers in compared.answers.items():
            assert answers == pytest.approx(whole[name].answers[method], nan_ok=True)


def test_a_set_may_be_cut_to_some_of_its_texts(tmp_path):
    save(tmp_path)
    found = measured(tmp_path, samples=3)
    assert [compared.texts for compared in found.values()] == [3, 3, 3]


def test_a_gap_is_shown_with_what_is_beside_it(tmp_path):
    save(tmp_path)
    through = gaps(list(measured(tmp_path).values()), data())
    assert [(each.inside.name, each.outside.name, each.field) for each in through] == [
        ("orbits", "orbits/ood", "a")
    ]


def test_the_page_holds_tables_and_pictures_and_loads_nothing(tmp_path):
    more = [{**each, "count": 3 * each["count"]} for each in SETS]
    save(tmp_path, encoding="b1999", sets=more)
    assert xval("evaluate", tmp_path, "--out", tmp_path / "out") == 0
    page = (tmp_path / "out/index.html").read_text()
    for title in ("orbits: answers", "orbits, in the gap of a", "trees: predicted against true"):
        assert title in page
    assert "in 2 passes, one for each token of a number" in page
    assert "://" not in page
    numbers = json.loads((tmp_path / "out/metrics.json").read_text())
    assert numbers["encoding/tokens_per_number/b1999"] == 2
    assert numbers["orbits/ood/unparsable/a"] >= 0
    assert "trees/r2/result/baseline_linear" in numbers
    for name in ("orbits: 90 % intervals", "CRPS", "Probabilities of words"):
        assert name in page
    assert 0 <= numbers["trees/coverage/result"] <= 1
    assert numbers["trees/crps/result/baseline_mean"] > 0
    assert numbers["orbits/width/a"] > 0
    assert 0 <= numbers["orbits/word_error_calibrated"] <= 1
    assert numbers["run"]["results"][0]["name"] == "orbits: a, mean squared error"


def test_other_stations_are_read_like_those_of_the_training(tmp_path):
    first = station(tmp_path / "a.csv")
    save(tmp_path, sets=None, files=[first], gaps=None)
    own = measured(tmp_path)["a"]
    station(tmp_path / "new.csv", 3)
    found = measured(tmp_path, str(tmp_path / "new.csv"))["new"]
    assert found.texts == 100 - 2 > own.texts
    assert found.is_series
    rivals = {"mean", "linear", "boosting", "quantile_boosting", "persistence", "climatology"}
    assert found.answers.keys() == {"model", *rivals}
    assert found.answers["mean"][0] == own.answers["mean"][0]
    (tmp_path / "a.csv").unlink()  # on another machine nothing is left to fit
    alone = measured(tmp_path, {**first, "path": str(tmp_path / "new.csv"), "name": "moved"})
    assert alone["moved"].answers.keys() == {"model", "persistence"}
    assert alone["moved"].answers["model"].tolist() == found.answers["model"].tolist()


def test_files_that_have_moved_are_named(tmp_path, capsys):
    save(tmp_path, sets=None, files=[station(tmp_path / "a.csv")], gaps=None)
    (tmp_path / "a.csv").rename(tmp_path / "b.csv")
    line = complaint(capsys, "evaluate", tmp_path)
    assert "a.csv" in line
    assert "--data" in line
    assert not (tmp_path / "report/index.html").exists()


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("--samples=0", "samples: 0 is less than 1"),
        ("--device=abacus", "device: 'abacus' cannot be used"),
        ("--data=nowhere.csv", "nowhere.csv"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(tmp_path, capsys, word, line):
    save(tmp_path, sets=SETS[:1], gaps=None)
    assert line in complaint(capsys, "evaluate", tmp_path, word)


def test_answers_of_a_run_are_kept_and_read_again_as_they_were(tmp_path):
    save(tmp_path, encoding="p1000")
    made, again = (kept_answers(tmp_path / "last.ckpt") for _ in range(2))
    for one, two in zip(made, again, strict=True):
        assert one.numbers() == pytest.approx(two.numbers(), nan_ok=True)
        assert one.fields == two.fields
    assert [one.name for one in made] == list(measured(tmp_path))
