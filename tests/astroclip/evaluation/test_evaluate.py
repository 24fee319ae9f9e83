"""Evaluation: every galaxy of the test once, the figures of a naive count, and one page."""

import json
from functools import partial

import numpy as np
import pytest
import torch
from astroclip_small import astroclip, complaint, network, save, words, write_pairs

from astroclip.data.datamodule import GalaxyData
from astroclip.evaluation.comparison import gather, ranks_by_distance, retrieval
from astroclip.evaluation.evaluate import open_data
from astroclip.inference.encode import encode
from astroclip.module import AstroCLIPModule
from astroclip.simulate.galaxies import VERSION, fingerprint
from sciformer.evaluation.run import open_run


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """Folder of a run with its report; and what the terminal was told."""
    folder = save(tmp_path_factory.mktemp("run"))
    assert astroclip("evaluate", folder) == 0
    return folder


def metrics(folder):
    return json.loads((folder / "report/metrics.json").read_text())


def galaxies(split="test", limit=1000, **options):
    data = GalaxyData(**{"pairs": 64, "test_pairs": 40, "size": 16, "batch_size": 16, **options})
    look = partial(encode, network())
    return gather(look, data.loader(split), data.labels, limit, keep=True)


def test_every_figure_is_written(evaluated):
    found = metrics(evaluated)
    for key in ("retrieval/recall_10/image_to_spectrum", "retrieval/recall_1/spectrum_to_image",
                "retrieval/recall_5/image_to_spectrum/baseline_cca",
                "retrieval/recall_10/baseline_chance", "redshift/r2/image_z",
                "redshift/outliers/spectrum_h", "redshift/r2/baseline_photometry",
                "log_mass/r2/baseline_pca", "log_ssfr/r2/spectrum_h/mlp", "age/r2/image_h",
                "metallicity/r2/spectrum_z", "morphology/accuracy/image_to_spectrum",
                "morphology/balanced_accuracy/baseline_majority"):  # fmt: skip
        assert np.isfinite(found[key]), key
    assert (found["evaluation/galaxies"], found["evaluation/bank"]) == (40, 64)


def test_the_generator_stands_in_the_figures_and_on_the_page(evaluated):
    run = metrics(evaluated)["run"]
    assert run["generator"] == f"astroclip.simulate {VERSION}"
    assert run["fingerprint"] == fingerprint()
    page = (evaluated / "report/index.html").read_text()
    assert fingerprint() in page
    assert page.count("<h2>") >= 10
    for title in ("Retrieval", "Properties: R2", "Recall", "Map of the embeddings",
                  "From image to spectra", "From spectrum to images", "Galaxies of the test",
                  "Redshift, predicted against true"):  # fmt: skip
        assert f"<h2>{title}</h2>" in page


def test_recall_is_the_share_that_a_naive_count_finds(evaluated):
    test = galaxies()
    image, spectrum = (test.embeddings.vectors[f"{kind}_z"] for kind in ("image", "spectrum"))
    cosines = image @ spectrum.T
    better = (cosines > np.diag(cosines)[:, None]).sum(1)
    found = metrics(evaluated)
    for k in (1, 5, 10):
        share = found[f"retrieval/recall_{k}/image_to_spectrum"]
        assert share == pytest.approx((better < k).mean())


@pytest.mark.parametrize("batch_size", [7, 16, 64])
def test_each_galaxy_of_the_test_counts_once_in_batches_of_any_size(batch_size):
    test = galaxies(batch_size=batch_size)
    assert test.embeddings.ids == [str(number) for number in range(40)]
    assert test.batch is not None
    np.testing.assert_array_equal(test.batch.labels[:, 0], test.embeddings.labels["redshift"])


def test_a_bank_is_no_larger_than_asked_for():
    assert len(galaxies("train", limit=20).embeddings.ids) == 20


def test_ranks_by_distance_are_those_of_a_naive_count():
    queries, bank = torch.randn(2, 30, 4, generator=torch.Generator().manual_seed(0))
    distance = torch.cdist(queries, bank)
    naive = (distance < distance.diagonal()[:, None]).sum(1)
    assert ranks_by_distance(queries, bank).tolist() == naive.tolist()


def test_linear_maps_find_partners_better_than_chance():
    bank, test = galaxies("train", pairs=512), galaxies()
    linear = [each for each in retrieval(bank, test) if each.method == "cca"]
    assert [each.way for each in linear] == ["image_to_spectrum", "spectrum_to_image"]
    assert all(each.recalls[10] > 0.5 for each in linear)


def test_a_streamed_training_is_evaluated_on_some_of_its_galaxies(here):
    save(here, stream=True, batch_size=256, pairs=1024)
    run = open_run(here, AstroCLIPModule, "cpu")
    for bank, pairs in ((None, 1024), (300, 300), (2000, 2000)):
        assert open_data(run, bank=bank).pairs == pairs


def test_other_files_are_evaluated_and_labels_may_be_missing(here):
    save(here)
    pairs = write_pairs(here / "own", count=60, labels=False)
    assert astroclip("evaluate", here, *words(pairs), "--samples", 5) == 0  # --files, as before
    found = metrics(here)
    assert found["evaluation/galaxies"] == 5
    assert 5 < found["evaluation/bank"] < 60  # some are of the validation
    assert "retrieval/recall_10/image_to_spectrum" in found
    assert not [key for key in found if key.startswith("redshift")]
    assert "generator" not in found["run"]


def test_a_wrong_input_is_named_in_one_line(here, capsys):
    assert "no such checkpoint" in complaint(capsys, "evaluate", here / "nothing")
    save(here)
    assert "bank: 1 is less than 2" in complaint(capsys, "evaluate", here, "--bank", 1)
    said = complaint(capsys, "evaluate", here, "--data", "nowhere")
    assert said.startswith("astroclip evaluate: error: data: nowhere: no such file")
    said = complaint(capsys, "evaluate", here, "--files", "a", "--shards", "b")
    assert "--data: given twice; former names of it are --files, --shards" in said
    spectra = write_pairs(here / "own", count=60, images=False)
    assert "images and spectra" in complaint(capsys, "evaluate", here, *words(spectra))
