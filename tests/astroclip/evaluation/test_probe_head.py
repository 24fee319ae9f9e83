"""A head that probes saved: it predicts other galaxies, and is refused for another network."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from astroclip_small import astroclip, complaint, embedded
from sklearn.metrics import r2_score

from astroclip.inference.embedding_files import write

pytestmark = pytest.mark.usefixtures("here")
ABOUT = {"weights": "w"}


def test_a_head_predicts_other_galaxies_with_intervals_and_classes(here, capsys):
    classes = {"type": ["disk", "round"]}
    made = embedded(3000)
    labels = {**made.labels, "type": made.labels["morphology"]}
    about = {**ABOUT, "classes": json.dumps(classes)}
    write("bank.parquet", [made._replace(labels=labels, classes=classes)], about)
    assert astroclip("probe", "bank.parquet", "--out", "o") == 0
    new = embedded(400, seed=1)
    write("new/part-1.parquet", [new._replace(labels={})], ABOUT)
    capsys.readouterr()
    assert astroclip("probe", "new", "--head", "o/head.safetensors", "--out", "p") == 0
    assert "redshift: 400 galaxies, half width of 90 %" in capsys.readouterr().out
    found = pq.read_table("p/predictions.parquet").to_pandas().set_index(["label", "id"])
    for label in ("redshift", "log_mass"):
        own = found.loc[label].loc[list(new.ids)]
        truth = new.labels[label]
        inside = (own["lower"] <= truth) & (truth <= own["upper"])
        assert inside.mean() == pytest.approx(
            0.9, abs=0.06
        )  # 3 deviations of 600 set aside and 400
        assert r2_score(truth, own["prediction"]) > 0.8
    said = pq.read_table("p/classes.parquet").to_pandas().set_index(["label", "id"])
    own = said.loc["type"].loc[list(new.ids)]
    right = own["class"] == np.where(new.labels["morphology"] > 0, "round", "disk")
    assert right.mean() > 0.9
    assert right[own["probability"] > 0.9].mean() > 0.93


def test_a_head_is_refused_for_another_network_or_if_it_is_none(here, capsys):
    write("e.npz", [embedded(120)], ABOUT)
    assert astroclip("probe", "e.npz", "--out", "o") == 0
    write("f.npz", [embedded(20)], {"weights": "other"})
    line = complaint(capsys, "probe", "f.npz", "--head", "o/head.safetensors")
    assert "f.npz: made by weights other, those of o/head.safetensors by w" in line
    write("g.npz", [embedded(20, dim=5)], ABOUT)
    line = complaint(capsys, "probe", "g.npz", "--head", "o/head.safetensors")
    assert "head: image_h: 6 numbers, but the galaxies have 5" in line
    whole = (here / "o/head.safetensors").read_bytes()
    (here / "o/head.safetensors").write_bytes(whole[:-9] + bytes(9))
    assert "checksum" in complaint(capsys, "probe", "e.npz", "--head", "o/head.safetensors")
    assert "no.safetensors: no such file" in complaint(
        capsys, "probe", "e.npz", "--head", "no.safetensors"
    )
