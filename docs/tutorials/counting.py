# %% [markdown]
# # Which circuit counts
#
# A transformer of one block learns to count exactly, in half a minute; you see what it compares a count with, and foretell
# where it fails without running it.
#
# The task is that of [arXiv 2406.02585](https://arxiv.org/abs/2406.02585): how many 1s are between each pair of brackets?
# Needed: `contextual-counting`, nothing else. Everything is written into a temporary folder.

# %%
import json
import os
import tempfile
from pathlib import Path

folder = tempfile.TemporaryDirectory()
os.chdir(folder.name)

# %% [markdown]
# ## Sequences
#
# 64 tokens, two regions. The network gets the tokens and one prompt per region; it has no positions, so it has to find out
# by attention alone where it is.

# %%
import contextual_counting as cc

data = cc.CountingData(length=64, regions=2)
tokens, counts = data.evaluation("id", samples=4)
for sequence, count in zip(tokens.tolist(), counts.tolist(), strict=True):
    print("".join("01[]"[token] for token in sequence), "->", *count)

# %% [markdown]
# ## Training
#
# One command; the YAML is in the package. The last lines say where the run is, the metric that decides beside its
# baseline, and what comes next.

# %% magic_args="-e" language="bash"
# contextual-counting fit --config configs/contextual_counting/quick.yaml

# %% [markdown]
# ## Does it count?
#
# `evaluate` asks for more than two regions in 64 tokens: here also for three regions, and for 300 tokens. A count is right
# or wrong; the best constant is the one answer that is right most often. It writes a page, `report/index.html`, and its numbers as
# `metrics.json`.

# %% magic_args="-e" language="bash"
# contextual-counting evaluate runs/contextual_counting/quick --sets [r3,t300] --samples 1000 --quiet

# %%
import matplotlib.pyplot as plt

run = Path("runs/contextual_counting/quick")
measured = json.loads((run / "report" / "metrics.json").read_text())
names = {"id": "as asked for", "r3": "3 regions", "t300": "300 tokens"}
bars, axes = plt.subplots(figsize=(7, 2.8), layout="constrained")
for region, color in enumerate(("tab:blue", "tab:orange")):
    exact = [100 * measured[f"{name}/top1/region{region}"] for name in names]
    places = [column + 0.36 * (region - 0.5) for column in range(len(names))]
    axes.bar(places, exact, 0.34, color=color, label=f"region {region + 1}")
best = [100 * measured[f"{name}/top1/region0/baseline_constant"] for name in names]
left, right = ([x + side for x in range(len(names))] for side in (-0.36, 0.36))
axes.hlines(best, left, right, "black", label="best constant")
axes.set_xticks(range(len(names)), names.values())
axes.set_ylabel("exact counts (%)")
bars.legend(loc="outside right")
plt.show()

# %% [markdown]
# Exact within what it was trained on (16 to 64 tokens, one to three regions); on sequences five times as long it is not.
# Why?
#
# ## Where does it look?
#
# `run_with_cache` returns what the network computes on the way. Here: the attention of each prompt on the tokens of the first sequence
# above.

# %%
from sciformer.interpret.hooks import run_with_cache
from sciformer.training import checkpoint

network = checkpoint.load(run, cc.CountingModule).model.eval()
site = "decoder.attention.pattern"
logits, cache = run_with_cache(network, tokens[:1], regions=2, names_filter=site)
attention = 100 * cache[site][0, 0].detach()  # (region, key); the first key is the beginning token
text = "^" + "".join("01[]"[token] for token in tokens[0].tolist())
print("counted", logits.argmax(-1)[0].tolist(), "true", counts[0].tolist())

colors = ["tab:red" if mark in "[]^" else "tab:blue" for mark in text]
looks, panels = plt.subplots(2, 1, figsize=(9, 4), sharex=True, layout="constrained")
for axes, share, region in zip(panels, attention, (1, 2), strict=True):
    axes.bar(range(len(text)), share, color=colors)
    axes.set(title=f"prompt of region {region}", ylabel="attention (%)")
axes.set_xticks(range(len(text)), text, fontsize=7)
axes.set_xlabel("token (^ is the beginning of the sequence)")
plt.show()

# %% [markdown]
# The prompt attends to the 1s of its own region (blue) **and to one other token** (red), which is there once in every
# sequence. Attention adds up to 100 %, so the share of the other token falls as the count rises: the network reads a ratio. That token is
# what a count is compared with.
#
# ## The circuit, measured
#
# `analyze` does this over many sequences, by kind of token, and foretells for other sets what should fail: it counts the
# tokens in them and distributes the attention as in training.

# %% magic_args="-e" language="bash"
# contextual-counting analyze runs/contextual_counting/quick --samples 100 --quiet

# %%
circuit = json.loads((run / "analysis" / "metrics.json").read_text())
for line in circuit["run"]["results"]:
    print(f"{line['name']}: {line['value']}")

sets = ("id", "r3", "density0.3", "t300", "t1024", "t2048")
foretold, axes = plt.subplots(figsize=(4, 3.8), layout="constrained")
axes.plot([0, 100], [0, 100], color="gray", linewidth=0.8)
for region, mark in enumerate("os"):
    foretells, finds = (
        [100 * circuit[f"{name}/{what}/region{region}"] for name in sets]
        for what in ("predicted", "top1")
    )
    axes.plot(foretells, finds, mark, alpha=0.6, label=f"region {region + 1}, one mark per set")
axes.set(xlabel="exact counts foretold (%)", ylabel="exact counts measured (%)", aspect="equal")
axes.legend()
plt.show()

# %% [markdown]
# ## Take the token away
#
# If that is how it counts, hiding the token must break the count, and hiding any other kind must not. The change of the
# count without each kind of token:

# %%
kinds = ("begin", "own_open", "own_close", "earlier_open", "earlier_close", "other_0s")
print(f"{'hidden':16}{'region 1':>10}{'region 2':>10}")
for kind in kinds:
    changes = [100 * circuit[f"without/{kind}/region{region}"] for region in (0, 1)]
    print(f"{kind.replace('_', ' '):16}" + "".join(f"{change:8.0f} %" for change in changes))

# %% [markdown]
# ## With your own
#
# A sequence of your own: its length and number of regions should lie within those of the training (16 to 64 tokens, one
# to three regions).

# %%
import torch

mine = "0110[1101]0010[0111011]00101[1]0010010110"
own = torch.tensor([["01[]".index(mark) for mark in mine]])
network(own, 3).argmax(-1).tolist()  # true: 3, 5, 1

# %% [markdown]
# The same commands take every network of this project: copy a YAML (`contextual-counting configs copy solved --out mine.yaml`),
# change it, `fit --config mine.yaml`, and `contextual-counting analyze runs/YOUR_RUN` says which circuit it found.
