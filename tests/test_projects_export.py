"""``torch.export`` of every network, for batches of any size."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.export import Dim, export

from contextual_counting.module import CountingModule

sys.path += [str(Path(__file__).parent / name) for name in ("astroclip", "mpp", "xval")]
import astroclip_small
import mpp_small
import xval_small

BATCH = {0: Dim("batch", min=2, max=64)}
CLOSE = 1e-5  # of other kernels for another batch


class Encoders(nn.Module):
    """Both encoders of AstroCLIP as one network."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, image, flux, ivar):
        return self.model.encode_image(image).z, self.model.encode_spectrum(flux, ivar).z


def astroclip(count):
    torch.manual_seed(0)
    spectra = torch.rand(count, 7781), torch.ones(count, 7781)
    inputs = torch.rand(count, 3, astroclip_small.SIZE, astroclip_small.SIZE), *spectra
    return Encoders(astroclip_small.module().model), inputs, (BATCH,) * 3


def counting(count):
    tokens = torch.randint(0, 4, (count, 16))
    return CountingModule(length=16, regions=2).model, (tokens, 2), (BATCH, None)


def mpp(count):
    frames = torch.randn(count, 3, 2, 16, 16)
    inputs = frames, torch.tensor([0, 1]), ("periodic", "wall")
    return mpp_small.module(["height", "vx"]).model, inputs, (BATCH, None, (None, None))


def xval(count):
    inputs = torch.randint(4, 20, (count, 12)), torch.randn(count, 12)
    return xval_small.module(xval_small.data()).model, inputs, (BATCH, BATCH)


@pytest.mark.compile
@pytest.mark.parametrize("made", [astroclip, counting, mpp, xval], ids=lambda made: made.__name__)
def test_a_network_is_exported_for_batches_of_any_size(made):
    network, inputs, shapes = made(4)
    network.eval()
    with torch.no_grad():
        exported = export(network, inputs, dynamic_shapes=shapes).module()
        _, others, _ = made(6)
        torch.testing.assert_close(exported(*others), network(*others), rtol=CLOSE, atol=CLOSE)
