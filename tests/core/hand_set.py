"""Networks whose circuit is known, as their weights are set by hand: xVal copies, AViT diffuses."""

import torch

from mpp.nn.model import AViT
from xval.nn.model import XVal

LARGE = 1e4  # a pair (LARGE, -LARGE) in every token: norms then only divide by it
BACK = 3  # the head copies the number so many tokens before
NUM, WORD = 1, 2
SHARP = 60.0  # score of the token that is copied

SIZE, VALUE, COPY, PLACES = 0, 2, 4, 6  # channels in pairs (f, -f), then one per place
LENGTH, DIM = 8, 24

LINEAR = 1e6  # eps of a norm that then only multiplies


def write(row, place, value):
    row[place], row[place + 1] = value, -value


@torch.no_grad()
def copier():
    """An xVal whose one head copies the number ``BACK`` tokens before into the answer.

    Its answer at token t is x at token t - BACK, cyclically.
    """
    model = XVal(4, DIM, 1, 1, mlp_ratio=1.0, length=LENGTH, final_norm=False).double().eval()
    for parameter in model.parameters():
        parameter.zero_()
    block = model.encoder.blocks[0]
    block.attention_norm.weight.fill_(1.0)
    block.mlp_norm.weight.fill_(1.0)
    write(model.embedding.tokens.weight[NUM], VALUE, 1.0)  # scaled by the number
    scale = LARGE * (2 / DIM) ** 0.5  # what the norm divides by
    attention = block.attention
    for place in range(LENGTH):
        write(model.embedding.positions.weight[place], SIZE, LARGE)
        model.embedding.positions.weight[place, PLACES + place] = 1.0
        attention.key.weight[place, PLACES + place] = scale
        asker = PLACES + (place + BACK) % LENGTH
        attention.query.weight[place, asker] = scale * SHARP * DIM**0.5
    attention.value.weight[0, VALUE] = scale / 2
    attention.value.weight[0, VALUE + 1] = -scale / 2
    write(attention.out.weight[:, 0], COPY, 1.0)
    first, _, last = model.number_head
    write(first.weight[:, COPY], 0, 1.0)  # gelu(x) - gelu(-x) = x
    write(last.weight[0], 0, 1.0)
    return model


def texts(count, seed=0):
    """Token ids and numbers, all of them [NUM]."""
    draw = torch.Generator().manual_seed(seed)
    numbers = torch.randn(count, LENGTH, generator=draw).double()
    return torch.full((count, LENGTH), NUM), numbers


KAPPA, NEAR = 0.1, -0.7  # of the heat equation, and the score of a neighbor; 0: of the point itself
FAR = -1e4  # score of all others
OWN, READ = 0, 1  # channels


def neighbor_weights():
    """Attention on the point itself, and on each of its two neighbors."""
    own = 1 / (1 + 2 * torch.tensor(NEAR).double().exp())
    return own.item(), ((1 - own) / 2).item()


@torch.no_grad()
def diffuser():
    """An AViT that is one explicit step of the heat equation on a periodic square.

    u' = u + KAPPA (sum of the four neighbors - 4 u): each axis averages a point and its neighbors,
    and the head subtracts what is too much.
    """
    model = AViT(fields=1, size=(8, 1, 1), patch=(1,), target="next", layer_scale=0.0)
    model = model.double().eval()
    block, spatial = model.blocks[0], model.blocks[0].spatial
    for parameter in model.parameters():
        parameter.zero_()
    for norm, sums in ((model.stem.norms[0], 1), (spatial.norm, 1), (spatial.out_norm, 2)):
        norm.eps = LINEAR
        norm.weight.fill_(LINEAR * sums)
    model.stem.field_weight[0, 0] = 1.0
    model.stem.kernel[OWN, 0, 0] = 1.0
    buckets = spatial.attention.bias.weight  # of 0, -1 and +1: the first of either sign, then 1
    buckets.fill_(FAR)
    buckets[0], buckets[1], buckets[len(buckets) // 2 + 1] = 0.0, NEAR, NEAR
    values = spatial.attention.query_key_value.weight.unflatten(0, (3, -1))[2]
    values[0, OWN] = 1.0
    spatial.attention.out.weight[READ, 0] = 1.0
    spatial.attention.gain.fill_(1.0)
    own, near = neighbor_weights()
    model.head.kernel[OWN, 0, 0] = 1 - KAPPA * (2 * own / near + 4)
    model.head.kernel[READ, 0, 0] = KAPPA / near
    assert not block.mlp_gain.any()
    return model


def fields(count, size=8, seed=0):
    """Frames of one field on a periodic square, one frame of history."""
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(count, 1, 1, size, size, generator=draw).double()


def heat_step(frames):
    """What ``diffuser`` should give."""
    u = frames[:, -1]
    return u + KAPPA * (sum(u.roll(s, a) for s in (1, -1) for a in (-1, -2)) - 4 * u)
