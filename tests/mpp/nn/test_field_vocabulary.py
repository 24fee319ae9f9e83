"""Named fields: rows that are found, and that grow without touching what was trained."""

import pytest
import torch

from mpp.nn.add_fields import grow
from mpp.nn.field_vocabulary import PUBLISHED, Vocabulary
from mpp.nn.model import AViT

KNOWN = Vocabulary(["height", "vx", "vy"])
WANTED = KNOWN.with_new(["vx", "density", "pressure"])


@pytest.fixture
def model():
    torch.manual_seed(0)
    return AViT(fields=3, size=(32, 1, 2), patch=(4,), layer_scale=1.0, drop_path=0.0)


def test_rows_are_in_the_order_of_the_names():
    assert KNOWN.rows(["vy", "height"]).tolist() == [2, 0]


def test_what_is_known_keeps_its_row():
    assert WANTED.names == ("height", "vx", "vy", "density", "pressure")
    assert len(WANTED) == 5


@pytest.mark.parametrize(
    ("fields", "rows"),
    [
        (["height"], [0]),
        (["velocity_x", "velocity_y", "tracer"], [1, 2, 3]),
        (["inhibitor", "activator"], [5, 4]),
        (["velocity_x", "velocity_y", "density", "pressure"], [6, 7, 8, 9]),
        (["height", "velocity_x", "velocity_y"], [0, 1, 2]),  # The Well's planetswe
        (["velocity_y", "pressure", "cns_density"], [7, 9, 8]),
    ],
)
def test_fields_of_files_have_the_rows_of_the_published_weights(fields, rows):
    published = Vocabulary(PUBLISHED)
    assert published.rows(fields).tolist() == rows
    assert published.with_new([*fields, "own"]).names == (*PUBLISHED, "own")


@pytest.mark.parametrize(
    ("name", "row"),
    [("rho", "cns_density"), ("Density", "cns_density"), ("h", "swe_height"), ("particle", None)],
)
def test_a_name_is_like_that_of_a_known_field(name, row):
    assert Vocabulary(PUBLISHED).alike(name) == row


def test_trained_rows_stay_bit_for_bit(model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    grow(model, KNOWN, WANTED)
    for name, value in model.state_dict().items():
        axis = 0 if name == "head.bias" else 1
        rows = value.narrow(axis, 0, 3) if value.shape != before[name].shape else value
        assert torch.equal(rows, before[name]), name
    assert model.stem.field_weight.shape == (8, 5)
    assert model.head.kernel.shape == (32, 5, 16)


def test_known_fields_have_the_same_answer_afterwards(model):
    frames = torch.randn(1, 2, 2, 8, 8)
    before = model(frames, KNOWN.rows(["vx", "vy"]), (True, True))
    grow(model, KNOWN, WANTED)
    assert torch.equal(model(frames, WANTED.rows(["vx", "vy"]), (True, True)), before)


def test_a_new_field_may_start_as_another(model):
    grow(model, KNOWN, WANTED, like={"pressure": "height"})
    frames = torch.randn(1, 2, 1, 8, 8)
    as_height = model(frames, WANTED.rows(["height"]), (True, True))
    assert torch.equal(model(frames, WANTED.rows(["pressure"]), (True, True)), as_height)
    assert not torch.allclose(model(frames, WANTED.rows(["density"]), (True, True)), as_height)


def test_a_row_that_was_never_trained_may_start_as_another_too(model):
    before = model.stem.field_weight.clone()
    grow(model, KNOWN, WANTED, like={"vy": "vx"})
    after = model.stem.field_weight
    assert torch.equal(after[:, :3], before[:, [0, 1, 1]])


def test_new_rows_are_what_an_optimizer_made_afterwards_moves(model):
    """B1 of the original: finetuning left embedding and head as they were."""
    grow(model, KNOWN, WANTED)
    before = [p.clone() for p in (model.stem.field_weight, model.head.kernel, model.head.bias)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    frames = torch.randn(1, 3, 2, 8, 8)
    model(frames, WANTED.rows(["vx", "pressure"]), (True, True)).square().mean().backward()
    optimizer.step()
    after = (model.stem.field_weight, model.head.kernel, model.head.bias)
    for old, new in zip(before, after, strict=True):
        moved = (old != new).movedim(min(old.ndim - 1, 1), 0).reshape(5, -1).any(1)
        assert moved.tolist() == [False, True, False, False, True]


@pytest.mark.parametrize(
    ("known", "wanted", "like", "message"),
    [
        (KNOWN, Vocabulary(["vx", "height", "vy"]), {}, "does not begin with the 3 rows"),
        (WANTED, WANTED, {}, "does not begin with the 3 rows"),
        (KNOWN, WANTED, {"mass": "height"}, "like: mass is no field; there are height, vx"),
        (KNOWN, WANTED, {"density": "mass"}, "fields: no 'mass'; there are height, vx, vy"),
    ],
)
def test_a_vocabulary_that_does_not_fit_is_refused(model, known, wanted, like, message):
    with pytest.raises(ValueError, match=message):
        grow(model, known, wanted, like)


def test_a_name_has_one_row():
    with pytest.raises(ValueError, match="fields: vx: there twice"):
        Vocabulary(["vx", "vy", "vx"])
