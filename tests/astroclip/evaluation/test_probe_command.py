"""Properties read off embeddings: figures, neighbors, MLPs, and the verb."""

import json
import math

import numpy as np
import pyarrow.parquet as pq
import pytest
from astroclip_small import astroclip, complaint, embedded, save, words, write_pairs
from sklearn.metrics import balanced_accuracy_score, r2_score

from astroclip.evaluation.intervals import narrowest
from astroclip.evaluation.probe_command import parts
from astroclip.evaluation.probe_mlp import Targets, learn
from astroclip.evaluation.probes import (
    WAYS,
    Answers,
    by_neighbors,
    common,
    constants,
    majority,
    readings,
)
from astroclip.inference.embedding_files import Embeddings, write
from astroclip.metrics import scores

pytestmark = pytest.mark.usefixtures("here")
ABOUT = {"weights": "w"}


def by_way(found, label):
    return {each.way: each for each in found if each.label == label}


def test_right_answers_have_the_best_figures():
    truth = np.linspace(0.05, 0.6, 20)
    assert scores("redshift", truth, truth) == {
        "r2": 1, "sigma_nmad": 0, "bias": 0, "outliers": 0
    }  # fmt: skip
    classes = np.arange(20.0) % 4
    assert scores("morphology", classes, classes) == {"accuracy": 1, "balanced_accuracy": 1}


def test_sigma_nmad_is_the_spread_of_normal_errors_whatever_a_few_outliers_do():
    random = np.random.default_rng(0)
    truth = random.uniform(0.1, 0.5, 20_000)
    error = 0.01 + 0.02 * random.normal(size=20_000)
    error[:400] = 0.5
    found = scores("redshift", truth, truth + (1 + truth) * error)
    assert found["sigma_nmad"] == pytest.approx(0.02, rel=0.05)
    assert found["bias"] == pytest.approx(0.01, abs=0.001)
    assert found["outliers"] == pytest.approx(0.02)


def test_other_figures_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    truth, answers = random.normal(size=(2, 50))
    assert scores("age", truth, answers) == {"r2": r2_score(truth, answers)}
    truth, answers = random.integers(0, 3, (2, 50)).astype(float)
    found = scores("morphology", truth, answers)
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, answers))
    assert found["accuracy"] == (truth == answers).mean()


def test_neighbors_are_the_nearest_16_by_cosine():
    bank, test = embedded(200), embedded(10, seed=1)
    found = by_neighbors(bank, test, ["redshift", "morphology"], ("image_h", "image_h"))
    cosines = test.vectors["image_h"] @ bank.vectors["image_h"].T
    nearest = np.argsort(-cosines, 1)[:, :16]
    mean = bank.labels["redshift"][nearest].mean(1)
    np.testing.assert_allclose(found["redshift"], mean, rtol=1e-5)
    votes = bank.labels["morphology"][nearest].sum(1)
    np.testing.assert_array_equal(found["morphology"], votes > 8)


def test_what_is_unknown_neither_answers_nor_is_asked():
    bank, test = embedded(100), embedded(10, seed=1)
    hidden = bank.labels["redshift"].copy()
    hidden[::2] = np.nan
    half = bank._replace(labels={"redshift": hidden})
    odd = bank.rows(range(1, 100, 2))
    way = ("image_z", "spectrum_z")
    first, second = (by_neighbors(each, test, ["redshift"], way) for each in (half, odd))
    np.testing.assert_allclose(first["redshift"], second["redshift"])
    test.labels["redshift"][:4] = np.nan
    assert all(len(each.truth) == 6 for each in by_way(constants(bank, test), "redshift").values())


def test_a_query_of_one_kind_is_answered_by_the_other():
    bank, test = embedded(100), embedded(10, seed=1)
    turned = {**bank.vectors, "spectrum_z": -bank.vectors["spectrum_z"]}
    bank = bank._replace(vectors=turned)
    same, other = (
        by_neighbors(bank, test, ["redshift"], WAYS[way])["redshift"]
        for way in ("image_z", "image_to_spectrum")
    )
    assert r2_score(test.labels["redshift"], same) > 0.5
    assert r2_score(test.labels["redshift"], other) < 0


def test_images_alone_are_asked_as_images():
    bank, test = embedded(40), embedded(10, seed=1)
    images = bank._replace(vectors={"image_h": bank.vectors["image_h"]})
    ways = {each.way for each in readings(images, test)}
    assert ways == {"image_h", "image_h/mlp"}


def test_an_mlp_learns_numbers_and_classes_some_of_which_are_unknown():
    bank, test = embedded(4000), embedded(300, seed=1)
    names = ["redshift", "log_mass"]
    numbers = np.stack([bank.labels[name] for name in names], 1).astype(float)
    numbers[::3, 0] = np.nan
    classes = bank.labels["morphology"][:, None].astype(float)
    found = learn(bank.vectors["image_h"], Targets(numbers, classes))(test.vectors["image_h"])
    for column, name in enumerate(names):
        assert r2_score(test.labels[name], found.numbers[:, column]) > 0.9
    assert (found.classes[:, 0] == test.labels["morphology"]).mean() > 0.9


def test_of_votes_that_are_even_the_smallest_class_wins():
    votes = np.array([[2.0, 1.0, 1.0, 2.0], [3.0, 3.0, 0.0, 1.0]])
    assert majority(votes).tolist() == [1, 3]


def test_a_morphology_that_is_no_class_is_refused():
    bank = embedded(10, morphology=np.full(10, 0.5, "f4"))
    with pytest.raises(ValueError, match=r"morphology: 0\.5 is not the number of a class"):
        common(bank, bank)


def test_a_label_that_hardly_any_galaxy_has_is_not_asked_for():
    few = np.full(10, np.nan, "f4")
    few[0] = 1
    assert "age" not in common(embedded(10, age=few), embedded(10, age=few))


def test_the_verb_writes_every_figure(here, capsys):
    write("e.npz", [embedded(120)], ABOUT)
    assert astroclip("probe", "e.npz") == 0
    metrics = json.loads((here / "e-probe/metrics.json").read_text())
    for key in ("redshift/r2/image_z", "redshift/sigma_nmad/spectrum_h/mlp",
                "log_mass/r2/image_to_spectrum", "morphology/balanced_accuracy/image_h",
                "morphology/accuracy/baseline_majority", "redshift/r2/baseline_mean"):  # fmt: skip
        assert np.isfinite(metrics[key]), key
    assert metrics["probe/galaxies"] + metrics["probe/bank"] == 120
    assert metrics["run"]["weights"] == "w"
    assert "Properties: R2" in capsys.readouterr().out


def test_the_split_is_by_id_and_not_by_order():
    whole = embedded(60)
    found = []
    for name, rows in (("a", range(60)), ("b", range(59, -1, -1))):
        write(f"{name}.npz", [whole.rows(rows)], ABOUT)
        found.append([set(part.ids) for part in parts(f"{name}.npz")])
    assert found[0] == found[1]
    bank, test = found[0]
    assert not bank & test
    assert bank | test == set(whole.ids)


def test_galaxies_to_ask_about_can_be_given(here):
    write("bank.parquet", [embedded(50)], ABOUT)
    write("test.npz", [embedded(7, seed=1)], ABOUT)
    assert astroclip("probe", "bank.parquet", "--test", "test.npz", "--out", "o") == 0
    metrics = json.loads((here / "o/metrics.json").read_text())
    assert (metrics["probe/bank"], metrics["probe/galaxies"]) == (50, 7)


def test_embeddings_of_two_networks_are_not_compared(here, capsys):
    write("a.npz", [embedded(20)], ABOUT)
    write("b.npz", [embedded(20)], {"weights": "other"})
    line = complaint(capsys, "probe", "a.npz", "--test", "b.npz")
    assert "b.npz: made by weights other, those of a.npz by w" in line


def test_embeddings_without_labels_are_refused(here, capsys):
    save(here)
    pairs = write_pairs(here / "own", labels=False)
    astroclip("embed", here, *words(pairs), "--out", "e.npz")
    assert "e.npz: no labels" in complaint(capsys, "probe", "e.npz")
    assert not (here / "e-probe").exists()
    assert "nowhere.npz: no such file" in complaint(capsys, "probe", "nowhere.npz")


def test_galaxies_without_a_label_are_predicted_with_intervals(here):
    known = embedded(600)
    redshift = known.labels["redshift"].astype("f4").copy()
    redshift[::3] = np.nan
    write("e.parquet", [known._replace(labels={**known.labels, "redshift": redshift})], ABOUT)
    assert astroclip("probe", "e.parquet", "--out", "o") == 0
    found = pq.read_table("o/predictions.parquet").to_pydict()
    truth = dict(zip(known.ids, known.labels["redshift"].tolist(), strict=True))
    rows = [
        (id, low <= truth[id] <= high, math.isnan(own))
        for id, label, low, high, own in zip(
            *(found[name] for name in ("id", "label", "lower", "upper", "truth")), strict=True
        )
        if label == "redshift"
    ]
    asked = [inside for _, inside, unknown in rows if unknown]
    assert len(asked) == 200
    assert 0.82 <= np.mean(asked) <= 1  # 0.9 +- 3 deviations of 80 set aside and 200 asked
    assert "morphology" not in found["label"]  # a class has no interval
    metrics = json.loads((here / "o/metrics.json").read_text())
    assert metrics["redshift/interval/coverage"] == np.mean([i for _, i, new in rows if not new])


def test_a_file_without_labels_is_predicted_and_the_bank_measures_how_well(here):
    bank, new = embedded(300), embedded(7, seed=1)
    write("bank.parquet", [bank], ABOUT)
    vectors = {"spectrum_h": new.vectors["spectrum_h"]}
    write("new.npz", [new._replace(labels={}, vectors=vectors)], ABOUT)
    assert astroclip("probe", "bank.parquet", "--test", "new.npz", "--out", "o") == 0
    found = pq.read_table("o/predictions.parquet").to_pydict()
    answers = {i: p for i, n, p in zip(*[*found.values()][:3], strict=True) if n == "redshift"}
    off = [answers[i] - z for i, z in zip(new.ids, new.labels["redshift"], strict=True)]
    assert np.abs(off).max() < 0.1
    assert json.loads((here / "o/metrics.json").read_text())["probe/galaxies"] == 60


def test_few_labels_give_predictions_and_say_that_they_have_no_intervals(capsys):
    write("e.npz", [embedded(40)], ABOUT)
    assert astroclip("probe", "e.npz", "--out", "o") == 0
    assert np.isnan(pq.read_table("o/predictions.parquet")["lower"].to_numpy()).all()
    assert "redshift: 8 galaxies to learn its errors from: no intervals" in capsys.readouterr().err


def test_intervals_hold_nine_tenths_of_5000_galaxies_and_of_each_bin():
    random = np.random.default_rng(3)
    answers = random.uniform(0, 1, 10_000)
    labels = {"z": answers + random.normal(size=10_000) * (0.02 + 0.1 * answers)}
    labels["z"][5000:] = np.nan
    ids = [str(number) for number in range(10_000)]
    every = Embeddings(ids, labels, None, {})
    worse = Answers("z", "worse", random.permutation(answers))
    (found,) = narrowest(every, 10_000, [worse, Answers("z", "better", answers)])
    assert found.way == "better"
    assert found.coverage == pytest.approx(0.9, abs=0.013)  # 3 deviations of 5000
    for low in np.arange(5) / 5:
        here = (answers < 0.2 + low) & (answers >= low) & np.isfinite(found.truth)
        assert np.mean((abs(answers - found.truth) <= found.half)[here]) > 0.85


def test_intervals_of_a_mass_hold_at_every_redshift():
    random = np.random.default_rng(4)
    redshift = random.uniform(0, 1, 10_000)
    mass = random.normal(size=10_000)
    labels = {
        "redshift": redshift + random.normal(size=10_000) * 0.01,
        "log_mass": mass + random.normal(size=10_000) * (0.02 + 0.3 * redshift),
    }
    every = Embeddings([str(number) for number in range(10_000)], labels, None, {})
    said = [Answers("redshift", "a", redshift), Answers("log_mass", "a", mass)]
    found = {each.label: each for each in narrowest(every, 10_000, said)}["log_mass"]
    inside = abs(found.answers - found.truth) <= found.half
    for low in np.arange(5) / 5:
        here = (redshift >= low) & (redshift < low + 0.2)
        assert np.mean(inside[here]) == pytest.approx(0.9, abs=0.03)
