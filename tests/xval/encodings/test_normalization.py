import numpy as np
import pytest
import torch

from xval.encodings.normalization import KINDS, LARGEST, Transforms, fit_transform

EPS = torch.finfo(torch.float32).eps


def numbers_of(kind):
    generator = torch.Generator().manual_seed(0)
    if kind in ("linear", "standard"):
        return 300 + 100 * torch.randn(2000, generator=generator)
    sizes = 10 ** (16 * torch.rand(2000, generator=generator, dtype=torch.float64) - 8)
    signs = torch.randint(0, 2, (2000,), generator=generator) * 2 - 1
    return torch.cat([sizes * signs, torch.zeros(5)]).float()


@pytest.mark.parametrize("kind", KINDS)
def test_the_inverse_gives_the_number_back(kind):
    x = numbers_of(kind)
    transforms = Transforms({"x": fit_transform(x, kind)})
    field = torch.zeros(len(x), dtype=torch.int64)
    y = transforms.forward(x, field)
    assert y.dtype == torch.float32
    back = transforms.inverse(y, field)
    # A few ulp of the transformed number: e^y turns its absolute error into a relative one.
    f = transforms.scale * y + transforms.offset
    ulps = 4 * EPS * (1 + f.abs()) if kind in ("log", "asinh") else 4 * EPS
    size = x.abs() + (transforms.offset.abs() if kind == "standard" else transforms.unit)
    assert ((back - x).abs() <= ulps * size).all()


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_network_sees_is_a_few_units(kind):
    x = numbers_of(kind)
    plain = fit_transform(x, kind)
    y = Transforms({"x": plain}).forward(x, torch.zeros(len(x), dtype=torch.int64))
    assert y.abs().max() <= LARGEST * (1 + EPS)
    if kind != "linear":
        assert y.mean().abs() < 1e-4
        assert abs(y.std(correction=0) - 1) < 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_a_transform_is_increasing_and_plain(kind):
    x = numbers_of(kind).unique()
    plain = fit_transform(x, kind)
    assert all(isinstance(value, str | float) for value in plain.values())
    y = Transforms({"x": plain}).forward(x, torch.zeros(len(x), dtype=torch.int64))
    assert (y.diff() >= 0).all()


def test_the_formulas():
    x = torch.tensor([-3.0, 0.0, 1.0, 10.0])
    kept = {"unit": 2.0, "offset": 0.5, "scale": 4.0}
    transforms = Transforms({kind: {"kind": kind, **kept} for kind in KINDS})
    wide = x.double().numpy()
    bent = {"log": np.sign(wide) * np.log(1 + abs(wide) / 2), "asinh": np.arcsinh(wide / 2)}
    for kind in KINDS:
        expected = (bent.get(kind, wide / 2) - 0.5) / 4
        y = transforms.forward(x, transforms.index([kind]))
        assert np.allclose(y.numpy(), expected, rtol=1e-6, atol=1e-7)


def test_each_field_has_its_own():
    small, large = torch.tensor([1e-5, -5e-5]), torch.tensor([3e5, 1e6])
    fields = {"m": fit_transform(small, "linear"), "t": fit_transform(large, "linear")}
    transforms = Transforms(fields)
    both = torch.stack([small, large], 1)
    y = transforms.forward(both, transforms.index(["m", "t"]))
    assert torch.allclose(y, torch.tensor([[1.0, 1.5], [-5.0, 5.0]]))
    assert torch.allclose(transforms.inverse(y, torch.tensor([0, 1])), both)
    assert Transforms(transforms.fields).fields == fields


def test_a_constant_field_is_no_division_by_zero():
    for kind in KINDS:
        transforms = Transforms({"x": fit_transform(torch.zeros(3), kind)})
        assert transforms.forward(torch.zeros(1), torch.tensor([0])).item() == 0


def test_bad_transforms_are_refused():
    x = torch.ones(3)
    with pytest.raises(ValueError, match="transform: 'cubic' is none of linear"):
        fit_transform(x, "cubic")
    with pytest.raises(ValueError, match="no numbers, or one that is not finite"):
        fit_transform(x / 0, "linear")
    with pytest.raises(ValueError, match="no numbers"):
        fit_transform(x[:0], "linear")
    with pytest.raises(ValueError, match=r"unit: -1.0 is not positive"):
        fit_transform(x, "log", unit=-1.0)
    with pytest.raises(ValueError, match="no field 'y'; there are x"):
        Transforms({"x": fit_transform(x, "linear")}).index(["y"])
