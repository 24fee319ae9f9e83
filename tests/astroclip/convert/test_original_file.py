"""The original's own files at work: every verb reads them, with the original's answers."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from astroclip_small import astroclip, complaint, words
from safetensors.torch import load_file
from torch.nn.functional import normalize

from astroclip.convert.pickled_modules import shells
from astroclip.inference.embedding_files import read
from sciformer.training.checkpoints import checkpoint
from sciformer.training.checkpoints.distrust import load_torch

GOLDEN = Path(__file__).parents[2] / "golden"
ORIGINAL = GOLDEN / "astroclip_original.ckpt"
SAME = 1e-5  # fp32 sums come in another order
COUNT = 12
FIT = (
    *("--data.pairs=4", "--data.val_pairs=2", "--data.test_pairs=4", "--data.batch_size=4"),
    *("--data.size=144", "--data.grid=survey", "--model.alignment.frozen=[image, spectrum]"),
    *("--trainer.max_epochs=1", "--trainer.accelerator=cpu", "--trainer.devices=1", "--quiet"),
    *("--threads=1", "--trainer.default_root_dir=run"),
)
pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def answers():
    stored = load_file(GOLDEN / "astroclip_original.io.safetensors")
    stored |= {name: normalize(stored[name], dim=1) for name in ("zi", "zs")}
    return {name: tensor.numpy() for name, tensor in stored.items()}


@pytest.fixture
def galaxies(here, answers):
    """The stored galaxies, g0 and g1, and some that are like them."""
    for name in ("images", "spectra"):
        (here / name).mkdir()
    for number in range(COUNT):
        scale = np.float32(1 + number // 2)
        image, flux = answers["img"][number % 2] * scale, answers["flux"][number % 2, :, 0] * scale
        np.save(here / f"images/g{number}.npy", image.T)  # the original's files have (x, y, band)
        np.savez(here / f"spectra/g{number}.npz", flux=flux, ivar=np.ones_like(flux))
    rows = [f"g{number},{0.1 + 0.05 * number}" for number in range(COUNT)]
    Path("labels.csv").write_text("\n".join(["id,redshift", *rows]))
    return {"images": here / "images", "spectra": here / "spectra", "labels": here / "labels.csv"}


@pytest.fixture(params=["published", "converted"])
def original(request):
    if request.param == "published":
        return ORIGINAL
    assert astroclip("convert", ORIGINAL, "converted.safetensors") == 0
    return "converted.safetensors"


def near(found, expected):
    order = [list(found.ids).index(name) for name in ("g0", "g1")]
    for name, stored in expected.items():
        np.testing.assert_allclose(found.vectors[name][order], stored, atol=SAME, err_msg=name)


def test_embed_search_and_probe_answer_as_the_original_did(original, galaxies, answers, capsys):
    assert astroclip("embed", original, *words(galaxies), "--out", "mine.parquet") == 0
    stored = {"image_z": answers["zi"], "spectrum_z": answers["zs"], "spectrum_h": answers["hs"]}
    near(read("mine.parquet"), stored)
    capsys.readouterr()
    assert astroclip("search", "mine.parquet", "g0", "--k", 3) == 0
    assert "g" in capsys.readouterr().out
    assert astroclip("search", "mine.parquet", galaxies["images"] / "g1.npy", "--k", 3) == 0
    assert astroclip("probe", "mine.parquet", "--out", "probed") == 0
    assert json.loads(Path("probed/metrics.json").read_text())["probe/galaxies"] >= 1


def test_an_encoder_alone_embeds_what_it_reads(galaxies, answers, capsys):
    with shells(str(ORIGINAL)):
        state = load_torch(ORIGINAL)["state_dict"]
    for part in ("spectrum", "image"):
        prefix = f"{part}_encoder.backbone."
        own = {n.removeprefix(prefix): w for n, w in state.items() if n.startswith(prefix)}
        teacher = {"teacher": {f"backbone.{name}": weight for name, weight in own.items()}}
        torch.save({"state_dict": own} if part == "spectrum" else teacher, f"{part}.ckpt")
    assert astroclip("embed", "spectrum.ckpt", *words(galaxies), "--out", "s.npz") == 0
    assert "spectrum.ckpt: heads 6: as in the original code" in capsys.readouterr().err
    assert set(read("s.npz").vectors) == {"spectrum_h", "spectrum_z"}
    near(read("s.npz"), {"spectrum_h": answers["hs"]})
    astroclip("convert", "image.ckpt", "image.safetensors", "--image_heads", 4)
    assert astroclip("embed", "image.safetensors", *words(galaxies), "--out", "i.npz") == 0
    near(read("i.npz"), {"image_h": answers["dino"]})
    assert astroclip("search", "i.npz", "g0", "--kind", "image", "--k", 2) == 0
    only = words({"path": galaxies["images"]})
    assert astroclip("convert", "spectrum.ckpt", "spectrum.safetensors", "--heads", 6) == 0
    line = complaint(capsys, "embed", "spectrum.safetensors", *only)
    assert "nothing for the network to read, which embeds each spectrum" in line


def test_a_training_starts_from_the_original(galaxies, answers):
    assert astroclip("fit", "--model.start", f"[{ORIGINAL}]", *FIT) == 0
    saved = checkpoint.read("run/last.ckpt")
    assert set(saved["hyper_parameters"]["network"]["original"]) == {
        *("image", "spectrum", "image_head", "spectrum_head")
    }
    assert astroclip("embed", "run", *words(galaxies), "--out", "e.npz") == 0
    found = read("e.npz")
    near(found, {"spectrum_h": answers["hs"]})  # frozen; the heads have moved
    assert np.abs(found.vectors["spectrum_z"][:2] - answers["zs"]).max() > SAME
    there = ("--data", words(galaxies)[1], "--samples", 4, "--bank", 4)
    assert astroclip("evaluate", ORIGINAL, *there, "--out", "report") == 0
    assert "retrieval/recall_1/image_to_spectrum" in Path("report/metrics.json").read_text()


def test_a_training_gives_pretrained_encoders_new_heads():
    with shells(str(ORIGINAL)):
        state = load_torch(ORIGINAL)["state_dict"]
    body = {name: weight for name, weight in state.items() if "backbone" in name}
    own = {n.removeprefix("spectrum_encoder.backbone."): w for n, w in body.items()
           if n.startswith("spectrum")}  # fmt: skip
    teacher = {n.removeprefix("image_encoder."): w for n, w in body.items() if n.startswith("im")}
    torch.save({"state_dict": own}, "specformer.ckpt")
    torch.save({"teacher": teacher}, "astrodino.ckpt")
    for name, heads in (("specformer", "--heads=6"), ("astrodino", "--image_heads=4")):
        assert astroclip("convert", f"{name}.ckpt", f"{name}.safetensors", heads) == 0
    start = "[specformer.safetensors, astrodino.safetensors]"
    assert astroclip("fit", "--model.start", start, "--model.network.dim=32", *FIT) == 0
    saved = checkpoint.read("run/last.ckpt")
    assert saved["hyper_parameters"]["network"]["original"]["image_head"]["dim"] == 32
    kernel = state["spectrum_encoder.backbone.data_embed.weight"]
    assert torch.equal(saved["state_dict"]["learning.model.spectrum.embed.weight"], kernel)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--data.size=48", "size: 48, but the original's images have 144 pixels"),
        ("--model.objective=image", "objective: not with the networks of the original"),
    ],
)
def test_what_the_original_cannot_is_said_before_a_training(option, message, capsys):
    assert message in complaint(capsys, "fit", "--model.start", f"[{ORIGINAL}]", *FIT, option)
