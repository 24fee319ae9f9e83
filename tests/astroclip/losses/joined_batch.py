"""One of two ranks that share a batch: losses of the joined batch, gradients as DDP gives them.

python joined_batch.py FOLDER RANK
"""

import sys
from pathlib import Path

import torch
from torch import Tensor, distributed, nn
from torch.nn.functional import normalize
from torch.nn.parallel import DistributedDataParallel

from astroclip.losses.contrastive import info_nce, siglip
from astroclip.losses.gradient_cache import in_chunks
from astroclip.losses.prototypes import sinkhorn
from astroclip.nn.logit_scale import bounded_scale

SHARES = {"even": (300, 300), "uneven": (270, 3)}  # more than a block, and less
CHUNK = 128  # encoded at a time: the gradients of chunks reach DDP as those of one backward pass


class Pair(nn.Module):
    """Two small encoders and what the losses learn."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.other = nn.Linear(6, 4), nn.Linear(5, 4)
        self.log_scale = nn.Parameter(torch.tensor(2.0))
        self.bias = nn.Parameter(torch.tensor(-3.0))

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        a, b = in_chunks(self.encode, (x, y), CHUNK)
        return a, b, bounded_scale(self.log_scale), self.bias

    def encode(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Embed both kinds."""
        return normalize(self.one(x), dim=1), normalize(self.other(y), dim=1)


def joined(share: str) -> tuple[Tensor, Tensor]:
    """The batch of both ranks."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(sum(SHARES[share]), 6, generator=generator)
    return x, x[:, :5] + torch.randn(len(x), 5, generator=generator)


def loss_of(network: nn.Module, x: Tensor, y: Tensor, gather: bool) -> Tensor:
    """Both losses at once; of unequal weight, so that neither hides the other's error."""
    a, b, scale, bias = network(x, y)
    return info_nce(a, b, scale, gather) + 0.3 * siglip(a, b, scale, bias, gather)


def main(folder: Path, rank: int) -> None:
    """Write the loss and the gradients of each share."""
    torch.set_num_threads(1)
    meet = f"file://{folder / 'meet'}"
    distributed.init_process_group("gloo", meet, rank=rank, world_size=2)
    answers = {}
    for share, (first, _) in SHARES.items():
        pair = Pair()
        network = DistributedDataParallel(pair)
        x, y = (part.split([first, len(part) - first])[rank] for part in joined(share))
        loss = loss_of(network, x, y, gather=True)
        loss.backward()
        gradients = {name: p.grad for name, p in pair.named_parameters()}
        assigned = sinkhorn(network(x, y)[0], 0.1)
        answers[share] = {"loss": loss.detach(), "gradients": gradients, "assigned": assigned}
    torch.save(answers, folder / f"{rank}.pt")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
