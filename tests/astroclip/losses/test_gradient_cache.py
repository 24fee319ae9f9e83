import pytest
import torch
from torch import nn
from torch.nn.functional import normalize

from astroclip.losses.contrastive import info_nce
from astroclip.losses.gradient_cache import in_chunks

SCALE = torch.tensor(10.0)


class Encoders(nn.Module):
    """Two encoders, one of which also rebuilds what it sees."""

    def __init__(self, dropout=0.0):
        super().__init__()
        torch.manual_seed(0)
        wide = (nn.Linear(6, 512), nn.GELU(), nn.Dropout(dropout), nn.Linear(512, 4))
        self.one, self.other = nn.Sequential(*wide), nn.Linear(5, 4)
        self.decoder = nn.Linear(4, 6)
        self.double()

    def forward(self, x, y):
        a = self.one(x)
        error = (self.decoder(a) - x).square().mean(1)
        return normalize(a, dim=1), normalize(self.other(y), dim=1), error


def batch(samples):
    generator = torch.Generator().manual_seed(1)
    x, y = (torch.randn(samples, numbers, generator=generator) for numbers in (6, 5))
    return x.double(), y.double()


def loss_of(found):
    a, b, error = found
    return info_nce(a, b, SCALE) + error.mean()


def gradients(network, found):
    network.zero_grad()
    loss_of(found).backward()
    return torch.cat([p.grad.flatten() for p in network.parameters()])


def kept(network, inputs, size):
    """Chunks that keep their activations."""
    parts = [network(*chunk) for chunk in zip(*(x.split(size) for x in inputs), strict=True)]
    return tuple(torch.cat(rows) for rows in zip(*parts, strict=True))


@pytest.mark.parametrize("size", [1, 16, 50, 64, 100])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-14), (torch.float32, 1e-6)])
def test_chunks_give_the_gradients_of_the_big_batch(size, dtype, tolerance):
    network, inputs = Encoders().to(dtype), tuple(x.to(dtype) for x in batch(64))
    whole = gradients(network, network(*inputs))
    chunks = gradients(network, in_chunks(network, inputs, size))
    assert (chunks - whole).norm() < tolerance * whole.norm()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_chunk_is_encoded_again_as_it_was(dtype):
    """With the same dropout and in the same precision, so to the bit."""
    network, inputs = Encoders(dropout=0.5).float(), tuple(x.float() for x in batch(64))
    answers = []
    for encode in (kept, in_chunks):
        torch.manual_seed(2)
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            answers.append(gradients(network, encode(network, inputs, 16)))
    assert torch.equal(*answers)


def test_a_gradient_reaches_the_inputs():
    network, (x, y) = Encoders(), batch(20)
    x.requires_grad_()
    (whole,) = torch.autograd.grad(loss_of(network(x, y)), [x])
    (chunks,) = torch.autograd.grad(loss_of(in_chunks(network, (x, y), 8)), [x])
    torch.testing.assert_close(chunks, whole)


def test_only_one_chunk_at_a_time_has_activations():
    network, inputs = Encoders(), batch(256)
    held = {"whole": 0, "chunks": 0}

    def weigh(name):
        def pack(x):
            held[name] += x.nbytes
            return x

        return torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x)

    with weigh("whole"):
        network(*inputs)
    with weigh("chunks"):
        in_chunks(network, inputs, 16)
    assert held["chunks"] < held["whole"] / 20


def test_a_chunk_has_samples():
    with pytest.raises(ValueError, match="size: chunks of 0 samples"):
        in_chunks(Encoders(), batch(4), 0)
