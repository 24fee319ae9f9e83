# %% [markdown]
# # A project of one's own, on two ranks
#
# In ten minutes of work a new network gets a command line, exact resume, checkpoints, a page of results and data-parallel
# training, and two ranks give the losses of one.
#
# The example: how massive is a cluster of galaxies? Given are the distances from its center and the velocities of 40
# galaxies, of which up to six in ten are not members. Needed: `sciformer` alone. Everything is written into a temporary
# folder.

# %%
import os
import sys
import tempfile
from pathlib import Path

folder = tempfile.TemporaryDirectory()
os.chdir(folder.name)

# %% [markdown]
# ## A skeleton that works
#
# `sciformer new` writes a package that trains, evaluates and passes its test: it learns the mean of a sequence.

# %% magic_args="-e" language="bash"
# sciformer new clusters
# find clusters -name '*.py' -size +1 -o -name '*.yaml'

# %% [markdown]
# Its README begins with `pip install -e .`; here, the folder is put on Python's path instead.

# %%
paths = [str(Path("clusters/src").resolve()), os.environ.get("PYTHONPATH", "")]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))  # for the commands
sys.path.insert(0, paths[0])  # for this notebook

# %% [markdown]
# ## Data
#
# One function, from a seed to tokens and answers. A real project reads files here, or shards. Members move faster
# the more massive the cluster is; the others have any velocity.

# %%
# %%writefile clusters/src/clusters/simulate/sequences.py
"""Clusters of galaxies: distance from the center and velocity of 40 galaxies, and the mass."""

import torch
from jaxtyping import Float
from torch import Tensor

GALAXIES = 40


def simulate(
    seed: int, samples: int, dim: int = 2
) -> tuple[Float[Tensor, "samples galaxies 2"], Float[Tensor, " samples"]]:
    """Distance (Mpc) and velocity (1000 km/s) of galaxies, and log10 of the mass / 10^14.5 Msun."""
    rng = torch.Generator().manual_seed(seed)

    def uniform(columns: int = GALAXIES) -> Tensor:
        return torch.rand(samples, columns, generator=rng)

    mass = uniform(1) - 0.5
    size = 10 ** (mass / 3)
    distance = -0.5 * size * uniform().log()
    velocity = torch.randn(samples, GALAXIES, generator=rng) * 0.7 * size / (1 + distance).sqrt()
    outside = uniform() < 0.6 * uniform(1)
    distance = torch.where(outside, 3 * uniform().sqrt(), distance)
    velocity = torch.where(outside, 6 * uniform() - 3, velocity)
    return torch.stack([distance, velocity], -1), mass[:, 0]


# %% [markdown]
# ## Network
#
# Blocks of the core: `Encoder` is a stack of transformer blocks, `AttentionPooling` reads a sequence by a learned query.
# Without positions, the order of the galaxies does not matter.

# %%
# %%writefile clusters/src/clusters/nn/network.py
"""A transformer over the galaxies of a cluster."""

from jaxtyping import Float
from torch import Tensor, nn

from sciformer.nn.encoder import Encoder
from sciformer.nn.pooling import AttentionPooling

WIDTH = 32


class Network(nn.Module):
    """One number from a set of tokens of width ``dim``."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.tokens = nn.Sequential(nn.Linear(dim, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))
        self.encoder = Encoder(WIDTH, depth=2, heads=heads)
        self.pooling = AttentionPooling(WIDTH, heads)
        self.head = nn.Linear(WIDTH, 1)

    def forward(self, x: Float[Tensor, "batch time dim"]) -> Float[Tensor, " batch"]:
        return self.head(self.pooling(self.encoder(self.tokens(x)))).flatten()


# %% [markdown]
# ## A run is a YAML
#
# The module, its optimizer and loss, the loaders and the command line are there already.

# %% magic_args="-e" language="bash"
# cat > clusters/src/clusters/configs/quick.yaml << END
# seed_everything: 0
# threads: 1
# trainer:
#   default_root_dir: runs/clusters/quick
#   accelerator: cpu
#   max_epochs: 4
#   log_every_n_steps: 5
# model: {heads: 4, lr: 3.0e-3}
# data: {samples: 5000, batch_size: 100, dim: 2}
# END

# %% magic_args="-e" language="bash"
# python -m clusters fit --config configs/clusters/quick.yaml
# python -m clusters evaluate runs/clusters/quick

# %% [markdown]
# ## Is it any good?
#
# The result above is the squared error beside that of the mean mass. Two rivals that cost nothing: the spread of the
# velocities after clipping at 2.5 sigma, as it is done by hand, and a linear regression on the sorted velocities and
# distances.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from clusters.module import ClustersModule
from clusters.simulate.sequences import simulate

from sciformer.training import checkpoint


def clipped(x):
    """Logarithm of the spread of the velocities that are kept."""
    squares = x[..., 1].square()
    kept = torch.ones_like(squares)
    for _ in range(10):
        variance = (squares * kept).sum(1, keepdim=True) / kept.sum(1, keepdim=True)
        kept = (squares < 2.5**2 * variance).float()
    return variance.log()


rivals = {
    "clipped spread": clipped,
    "linear regression": lambda x: torch.cat(
        [x[..., 1].abs().sort(1).values, x[..., 0].sort(1).values], 1
    ),
}
known, truth = simulate(0, 5000), simulate(2, 1000)  # what the network learned from, and the test
module = checkpoint.load("runs/clusters/quick", ClustersModule).eval()
with torch.no_grad():
    answers = {"transformer": module.model(truth[0]).numpy()}
for name, measure in rivals.items():
    design, asked = (np.column_stack([measure(x), np.ones(len(x))]) for x, _ in (known, truth))
    answers[name] = asked @ np.linalg.lstsq(design, known[1].numpy())[0]

picture, panels = plt.subplots(1, 3, figsize=(9, 3.3), sharey=True, layout="constrained")
for axes, (name, answer) in zip(panels, answers.items(), strict=True):
    error = np.sqrt(np.mean((answer - truth[1].numpy()) ** 2))
    axes.plot(truth[1] + 14.5, answer + 14.5, ".", markersize=3)
    axes.plot([14, 15], [14, 15], color="black", linewidth=0.8)
    axes.set(title=f"{name}: {error:.2f} dex", xlabel="true log10 mass (Msun)", ylim=(13.7, 15.3))
panels[0].set_ylabel("answer, log10 mass (Msun)")
plt.show()

# %% [markdown]
# ## Two ranks
#
# Two options more. `batch_size` counts the samples of all ranks together, so the losses are those of one process: with two
# machines of a cluster, or two GPUs, nothing else changes.

# %% magic_args="-e" language="bash"
# python -m clusters fit --config configs/clusters/quick.yaml --trainer.max_epochs 1 \
#   --trainer.strategy sciformer.training.strategies.DDP --trainer.devices 2 --trainer.default_root_dir runs/clusters/two --quiet

# %%
import csv


def losses(run):
    """Steps and training losses of a run."""
    with Path(run, "metrics.csv").open() as rows:
        found = [(row["step"], row["train/loss"]) for row in csv.DictReader(rows)]
    return np.array([(int(step), float(loss)) for step, loss in found if loss]).T


one, two = losses("runs/clusters/quick"), losses("runs/clusters/two")
curve, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.plot(*one, label="one process", linewidth=4, alpha=0.4)
axes.plot(*two, "k--", label="two ranks", linewidth=1)
axes.set(xlabel="step", ylabel="training loss (dex$^2$)", yscale="log")
axes.legend()
plt.show()
same = one[1][: len(two[1])]
print(f"largest relative difference: {np.max(abs(two[1] / same - 1)):.0e}")

# %% [markdown]
# ## Stop and go on
#
# Ctrl-C, a time limit or a power cut: the same command with `--ckpt_path last` goes on at the very sample where the run
# stopped, on any number of ranks. Here the run of two ranks goes on in one process to the end of the second epoch.

# %% magic_args="-e" language="bash"
# python -m clusters fit --config configs/clusters/quick.yaml --trainer.max_epochs 2 \
#   --trainer.default_root_dir runs/clusters/two --ckpt_path last

# %% [markdown]
# For your own: `sciformer new NAME`, then replace `simulate/sequences.py` by a reader of your files and `nn/network.py` by your network;
# `NAME fit --help` has the options of both at once.
