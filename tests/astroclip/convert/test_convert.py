"""The converter, and by it the networks, beside the original: its answers and a restatement."""

import functools
import os
from pathlib import Path

import numpy as np
import plain_astroclip as plain
import pytest
import torch
from lightning.pytorch import LightningModule
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.functional import normalize

from astroclip.convert.convert import (
    OriginalAstroCLIP,
    convert,
    heads_from_reference,
    load,
    spectrum_from_reference,
)
from astroclip.convert.original_networks import SpecFormer, VisionTransformer, slice_spectrum
from astroclip.convert.state_dict import convert_state
from astroclip.losses.contrastive import info_nce

GOLDEN = Path(__file__).parents[2] / "golden"
HEADS = {"heads": 3, "image_heads": 2, "pooling_heads": 4}


def golden(case):
    return [load_file(GOLDEN / f"{case}.{kind}.safetensors") for kind in ("weights", "io")]


def spectra(batch, pixels=7781):
    generator = torch.Generator().manual_seed(0)
    return 3 * torch.randn(batch, pixels, 1, generator=generator) + 1


@pytest.fixture
def original():
    torch.manual_seed(0)
    return plain.random_weights(plain.AstroCLIP())


def apart(a, b):
    return (a - b).abs().max().item()


def test_specformer_answers_as_the_original_did():
    weights, stored = golden("specformer")
    assert torch.equal(slice_spectrum(stored["spectrum"])[:, :8], stored["tokens_0_8"])
    tokens, reconstruction = spectrum_from_reference(weights, heads=3)(stored["spectrum"])
    assert apart(tokens.mean(1), stored["embedding_mean"]) <= 1e-5
    assert apart(tokens[:, :16], stored["embedding_first_16"]) <= 1e-5
    assert apart(reconstruction[:, :16], stored["reconstruction_first_16"]) <= 1e-5


def test_the_heads_answer_as_the_originals_did():
    weights, stored = golden("astroclip_heads")
    image, spectrum = heads_from_reference(weights, heads=3, pooling_heads=4)
    seen, measured = image(stored["image_tokens"]), spectrum(stored["spectrum"])
    assert apart(seen, stored["image_embedding"]) <= 1e-5
    assert apart(measured, stored["spectrum_embedding"]) <= 1e-5
    pairs = [normalize(x[:2], dim=1, eps=1e-3) for x in (seen, measured)]
    loss = info_nce(*pairs, torch.tensor(15.5))
    assert apart(loss, stored["clip_loss_first_two"]) <= 1e-5


def test_a_batch_of_one_is_row_0_of_a_batch_of_two():
    weights, stored = golden("astroclip_heads")
    image, spectrum = heads_from_reference(weights, heads=3, pooling_heads=4)
    for branch, key in ((image, "image_tokens"), (spectrum, "spectrum")):
        assert apart(branch(stored[key][:1])[0], branch(stored[key][:2])[0]) <= 2e-6


@pytest.mark.parametrize(
    ("dim", "depth", "heads", "length", "hidden", "pixels"),
    [(48, 2, 3, 800, 192, 7781), (40, 1, 5, 30, 60, 300), (32, 3, 1, 12, 100, 71)],
)
def test_values_and_gradients_are_those_of_the_plain_specformer(
    dim, depth, heads, length, hidden, pixels
):
    torch.manual_seed(0)
    theirs = plain.random_weights(plain.SpecFormer(dim, depth, heads, length, hidden))
    ours = spectrum_from_reference(theirs.state_dict(), heads)
    flux = spectra(2, pixels)
    for expected, answer in zip(theirs(flux), ours(flux), strict=True):
        assert apart(answer, expected) <= 1e-5
    for network in (theirs, ours):
        sum(out.square().mean() for out in network(flux)).backward()
    gradients = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    translated = convert_state(gradients, heads).weights
    for name, parameter in ours.named_parameters():
        expected = translated[f"spectrum.{name}"]
        assert apart(parameter.grad, expected) <= 1e-4 * expected.abs().max().clamp(1e-3), name


def test_the_whole_answers_as_the_plain_one(original, tmp_path):
    out = str(tmp_path / "ours.safetensors")
    save_file(original.state_dict(), tmp_path / "theirs.safetensors")
    convert(str(tmp_path / "theirs.safetensors"), out, **HEADS)
    model = load(out)
    assert isinstance(model, OriginalAstroCLIP)
    assert not any(part.training for part in model.modules())
    image, flux = torch.rand(2, 3, 32, 30), spectra(2)
    with torch.no_grad():
        seen, measured, _ = model(image, flux[..., 0], torch.ones(2, 7781))
        middle = image[..., 4:28, 3:27]
        expected = normalize(original.embed_image(middle), dim=1, eps=1e-3)
        assert apart(seen.z, expected) <= 1e-5
        expected = original.image_encoder.backbone(plain.rgb(middle)).mean(1)
        assert apart(seen.h, expected) <= 1e-5
        expected = normalize(original.embed_spectrum(flux), dim=1, eps=1e-3)
        assert apart(measured.z, expected) <= 1e-5
        expected = original.spectrum_encoder.backbone(flux)[0].mean(1)
        assert apart(measured.h, expected) <= 1e-5


def test_pixels_that_are_not_finite_leave_the_embedding_finite(original):
    model = whole(original)
    flux = spectra(2)[..., 0]
    flux[0, 100:200] = torch.nan
    flux[1] = torch.inf
    assert all(part.isfinite().all() for part in model.encode_spectrum(flux, flux))


def whole(original):
    image, spectrum = original.image_encoder, original.spectrum_encoder
    settings, weights, _ = convert_state(original.state_dict(), **HEADS)
    assert settings["image"]["size"] == 24
    assert settings["spectrum"]["length"] == spectrum.backbone.position_embed.num_embeddings
    assert settings["image_head"]["hidden"] == image.mlp.encoder.out_features
    branch, made = heads_from_reference(original.state_dict(), 3, 4)
    vision = VisionTransformer(**settings["image"])
    own = {n.removeprefix("image."): w for n, w in weights.items() if n.startswith("image.")}
    vision.load_state_dict(own)
    return OriginalAstroCLIP(vision, made.spectrum, branch, made.head).eval()


@pytest.mark.parametrize(
    ("image", "pixels", "message"),
    [
        (23, 7781, "image: 24 x 23 pixels; at least 24 are needed"),
        (24, 2048, "flux: 2048 pixels; 7781 are needed"),
    ],
)
def test_inputs_of_another_size_are_refused(original, image, pixels, message):
    model = whole(original)
    with pytest.raises(ValueError, match=message):
        model(torch.zeros(1, 3, 24, image), torch.zeros(1, pixels), torch.zeros(1, pixels))


def test_specformer_and_the_vision_transformer_convert_alone(original, tmp_path):
    out = str(tmp_path / "ours.safetensors")
    spectrum, image = original.spectrum_encoder.backbone, original.image_encoder.backbone
    torch.save({"state_dict": spectrum.state_dict(), "epoch": 3}, tmp_path / "specformer.ckpt")
    convert(str(tmp_path / "specformer.ckpt"), out, heads=3)
    model, flux = load(out), spectra(1)
    assert isinstance(model, SpecFormer)
    assert apart(model(flux).tokens, spectrum(flux)[0]) <= 1e-5
    teacher = {f"backbone.{name}": value for name, value in image.state_dict().items()}
    teacher |= {"dino_head.mlp.0.weight": torch.zeros(3, 3)}
    torch.save(teacher, tmp_path / "astrodino.ckpt")
    convert(str(tmp_path / "astrodino.ckpt"), out, image_heads=2, overwrite=True)
    model, rgb = load(out), torch.rand(2, 3, 24, 24)
    assert isinstance(model, VisionTransformer)
    assert apart(model(rgb), image(rgb, bag=False)) <= 1e-5


class Backbone(LightningModule):
    """Stands for the original's networks, which its checkpoint pickles."""

    def __init__(self, dim=2):
        super().__init__()
        self.save_hyperparameters()  # in a dictionary of a class of Lightning's
        self.layer = nn.Linear(dim, dim)
        self.norm = functools.partial(nn.LayerNorm, eps=1e-6)
        self.function = spectra
        self.logit_scale = np.log(15.5)


class Bomb:
    """What a pickle can do to those who trust it."""

    def __reduce__(self):
        return os.mkdir, ("exploded",)


class Trap:
    """The same by a call that is not known to be dangerous."""

    def __reduce__(self):
        return exec, ("import pathlib; pathlib.Path('exploded').mkdir()",)


@pytest.mark.parametrize("pickled", [Backbone, Trap])
def test_pickled_networks_are_passed_over_and_nothing_is_run(
    original, tmp_path, monkeypatch, pickled
):
    monkeypatch.chdir(tmp_path)
    state = original.state_dict()
    torch.save({"hyper_parameters": {"net": pickled()}, "state_dict": state}, "astroclip.ckpt")
    known = set(torch.serialization.get_safe_globals())
    monkeypatch.setattr(pickled, "__setstate__", forbidden, raising=False)
    convert("astroclip.ckpt", "ours.safetensors", **HEADS)
    assert not Path("exploded").exists()
    translated = convert_state(state, **HEADS).weights
    written = load("ours.safetensors").state_dict()
    assert written.keys() == translated.keys()
    assert all(torch.equal(written[name], value) for name, value in translated.items())
    assert set(torch.serialization.get_safe_globals()) == known


def forbidden(*_):
    raise AssertionError("a class of the checkpoint was made")


def test_a_call_of_the_system_is_refused(original, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"net": Bomb(), "state_dict": original.state_dict()}, "astroclip.ckpt")
    with pytest.raises(ValueError, match=r"astroclip.ckpt: not a checkpoint of plain tensors"):
        convert("astroclip.ckpt", "ours.safetensors", **HEADS)
    assert not Path("exploded").exists()


def test_a_network_does_not_share_the_memory_of_its_origin(original):
    state = original.spectrum_encoder.backbone.state_dict()
    kept = state["head.bias"].clone()
    with torch.no_grad():
        spectrum_from_reference(state, 3).head.bias.add_(1)
    assert torch.equal(state["head.bias"], kept)
