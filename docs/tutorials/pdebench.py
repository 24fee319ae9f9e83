# %% [markdown]
# # A PDEBench file: finetune, break-even, film
#
# What pretraining on other physics is worth for a flow of your own: you finetune a small network on an HDF5 file in PDEBench's
# layout, see how many training windows a network from scratch needs to catch up, and film a prediction.
#
# Needed: `mpp`, nothing else. Everything is written into a temporary folder.

# %%
import base64
import os
import tempfile
from pathlib import Path

folder = tempfile.TemporaryDirectory()
os.chdir(folder.name)

# %% [markdown]
# ## A file
#
# In place of a download, `mpp simulate` writes 12 runs of a compressible flow in the layout of PDEBench's 2-D Navier-Stokes
# files, on a coarse grid of 32 x 32 points. `inspect` shows what is understood of a file: check boundaries and time step, as they are physics.

# %% magic_args="-e" language="bash"
# mpp simulate compressible --layout pdebench --samples 12 --shape [32,32] --out made --quiet
# mv made/compressible.hdf5 2D_CFD_Rand_periodic_32.hdf5
# mpp inspect 2D_CFD_Rand_periodic_32.hdf5

# %% [markdown]
# ## Before: other physics
#
# A network of 0.1 million parameters learns shallow water and a reacting medium for 150 steps. It has never seen a density or a
# pressure. (A network of your own or of others takes this place.)

# %% magic_args="-e" language="bash"
# mpp fit --config configs/mpp/quick.yaml --model.network.size [48,4,2] --data.steps 150 --trainer.val_check_interval 150 \
#   --data.simulate '[{system: shallow_water, count: 16, shape: [32, 32]}, {system: diffusion_reaction, count: 16, shape: [32, 32]}]' \
#   --trainer.default_root_dir runs/before

# %% [markdown]
# ## Finetune, and start from scratch
#
# `finetune` takes network and fields of the first run; `like` starts the rows of new fields as copies of a known one. It gets 60
# steps of four windows. The second command trains the same network from random weights, for 150 steps.

# %% magic_args="-e" language="bash"
# cat > mine.yaml << END
# seed_everything: 0
# threads: 1
# trainer: {accelerator: cpu, max_epochs: 1, val_check_interval: 10, gradient_clip_val: 1.0, log_every_n_steps: 20}
# model:
#   network: {size: [48, 4, 2], patch: [4], halo: 2, layer_scale: 1.0, drop_path: 0.0}
#   loss: change
#   optimizer: {lr: 4.0e-3, warmup: 10}
# data:
#   files: [2D_CFD_Rand_periodic_32.hdf5]
#   history: 4
#   batch_size: 4
#   steps: 60
#   val_windows: 12
#   augment: true
# END
# mpp finetune runs/before --config mine.yaml --model.like '{density: height, pressure: height}' \
#   --trainer.default_root_dir runs/tuned
# mpp fit --config mine.yaml --data.steps 150 --trainer.default_root_dir runs/scratch

# %% [markdown]
# ## Break-even
#
# The error of the next frame on held-out runs of the flow (NRMSE), by the number of training windows of the flow that each network
# has seen. Break-even is where the network from scratch is as good as the finetuned one at its end.

# %%
import csv

import matplotlib.pyplot as plt
import numpy as np

BATCH = 4


def validation(run):
    """Training windows seen, and the validation error then."""
    with Path(run, "metrics.csv").open() as rows:
        found = [(row["step"], row["val/nrmse"]) for row in csv.DictReader(rows)]
    return np.array([(BATCH * (int(step) + 1), float(error)) for step, error in found if error]).T


tuned, scratch = validation("runs/tuned"), validation("runs/scratch")
as_good = scratch[0][scratch[1] <= tuned[1][-1]]

picture, axes = plt.subplots(figsize=(7, 3.3), layout="constrained")
axes.plot(*tuned, "o-", markersize=4, label="finetuned")
axes.plot(*scratch, "s-", markersize=4, label="from scratch")
axes.axhline(tuned[1][-1], color="black", linewidth=0.8, linestyle="--")
axes.set(yscale="log", xlabel="training windows of the flow", ylabel="NRMSE of the next frame")
axes.legend()
plt.show()
print(f"finetuned: {tuned[1][-1]:.3f} after {tuned[0][-1]:.0f} windows")
print(
    f"from scratch as good: {f'after {as_good[0]:.0f} windows' if len(as_good) else 'not reached'}"
)
print(f"from scratch: {scratch[1][-1]:.3f} after {scratch[0][-1]:.0f} windows")

# %% [markdown]
# Pretraining is a head start, not a higher ceiling: with a few hundred windows of your own it pays, with many more it does not
# matter, and the windows of the pretraining are not counted here. For equations that you know, a classical solver on a coarser grid is
# the rival to beat before any network.
#
# ## A film
#
# `rollout` feeds the network its own predictions: 12 steps from the first four frames of the file's first run (which may have been
# among those for training; `--trajectories [7]` takes another). Columns: truth, prediction, error.

# %% magic_args="-e" language="bash"
# mpp rollout runs/tuned 2D_CFD_Rand_periodic_32.hdf5 --steps 12 --out film --quiet

# %%
from IPython.display import HTML

film = base64.b64encode(Path("film/rollout.gif").read_bytes()).decode()
HTML(f'<img src="data:image/gif;base64,{film}" alt="Truth, prediction and error of a rollout">')

# %% [markdown]
# For a file of your own: `mpp inspect my_runs.hdf5` first; what it cannot know it asks for, as a table that takes the file's place
# everywhere (`--data.files '[{path: my_runs.h5, fields: ..., boundaries: [...]}]'`).
