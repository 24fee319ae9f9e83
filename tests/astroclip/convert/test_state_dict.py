"""Names of the original in ours: all of them, with shapes, and none left over."""

import plain_astroclip as plain
import pytest
import torch
from torch import nn

from astroclip.convert.original_networks import SpecFormer, VisionTransformer
from astroclip.convert.pooling_head import PoolingHead
from astroclip.convert.state_dict import convert_state

HEADS = {"heads": 3, "image_heads": 2, "pooling_heads": 4}


@pytest.fixture
def original():
    torch.manual_seed(0)
    return plain.random_weights(plain.AstroCLIP())


def test_the_446_tensors_of_the_published_layout_make_networks_of_our_defaults():
    with torch.device("meta"):
        vision = plain.ViT(144, 12, 1024, depth=24, heads=16, chunks=4)
        image = plain.Branch(vision, 1024, 4, 1024, residual=False)
        spectrum = plain.Branch(plain.SpecFormer(), 1024, 4, 768, residual=True)
        shapes = plain.Named(image_encoder=image, spectrum_encoder=spectrum).state_dict()
        parts = {
            "image": VisionTransformer(),
            "spectrum": SpecFormer(),
            "image_head": PoolingHead(residual=False),
            "spectrum_head": PoolingHead(context_dim=768),
        }
    state = {name: torch.empty(tensor.shape, device="cpu") for name, tensor in shapes.items()}
    settings, weights, dropped = convert_state(state)  # of memory that nobody touches
    assert len(state) == 446
    assert [name.rpartition(".")[2] for name in dropped] == ["cls_token", "pos_embed", "mask_token"]
    assert settings["image"]["size"] == 144
    expected = nn.ModuleDict(parts).state_dict()
    assert {n: w.shape for n, w in weights.items()} == {n: w.shape for n, w in expected.items()}


def test_of_a_self_distillation_the_teacher_is_taken(original):
    teacher = {f"backbone.{n}": w for n, w in original.image_encoder.backbone.state_dict().items()}
    student = {name: value + 1 for name, value in teacher.items()}
    found = convert_state({"teacher": teacher, "student": student}, **HEADS)
    expected = convert_state(teacher, **HEADS).weights
    assert all(torch.equal(found.weights[name], value) for name, value in expected.items())
    assert found.dropped == ["backbone.mask_token"]


@pytest.mark.parametrize("which", ["heads", "image_heads", "pooling_heads"])
@pytest.mark.parametrize("count", [0, 7])
def test_heads_that_cannot_be_are_refused(original, which, count):
    with pytest.raises(ValueError, match=f"heads: {count} do not divide"):
        convert_state(original.state_dict(), **{**HEADS, which: count})
