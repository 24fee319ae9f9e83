# %% [markdown]
# # Filled cells of a table, with intervals
#
# From a spreadsheet with gaps to filled cells with 90 % intervals in three commands, and beside them what a linear regression and
# gradient boosting make of the same rows.
#
# Needed: `xval`, and for the comparison `pip install scikit-learn`. Everything is written into a temporary folder.

# %%
import os
import tempfile

folder = tempfile.TemporaryDirectory()
os.chdir(folder.name)

# %% [markdown]
# ## A table as people have them
#
# 600 runs of a wind tunnel, out of a spreadsheet: semicolons, decimal commas, units in the names, a text column, empty cells. The
# drag of the last 120 was not measured: it is what we want.

# %%
import numpy as np
import pandas as pd

rng = np.random.default_rng(4)
rows = 600
shapes = {"sphere": 0.47, "cube": 1.05, "teardrop": 0.12}
table = pd.DataFrame(
    {
        "body": rng.choice(list(shapes), rows),
        "speed (m/s)": rng.uniform(5, 40, rows).round(1),
        "area (cm2)": rng.uniform(20, 120, rows).round(1),
        "air density (kg/m3)": rng.normal(1.2, 0.05, rows).round(3),
    }
)
coefficient = table["body"].map(shapes)
pressure = 0.5 * table["air density (kg/m3)"] * table["speed (m/s)"] ** 2
noise = rng.normal(1, 0.05, rows)
drag = (coefficient * pressure * table["area (cm2)"] * 1e-4 * noise).rename("drag (N)").round(4)
table.loc[rng.random(rows) < 0.1, "air density (kg/m3)"] = np.nan
whole = pd.concat([table, drag], axis=1)
whole[:480].to_csv("tunnel.csv", sep=";", decimal=",", index=False)
whole[480:].assign(**{"drag (N)": np.nan}).to_csv("new.csv", sep=";", decimal=",", index=False)

# %% magic_args="-e" language="bash"
# head -n 4 tunnel.csv
# tail -n 3 new.csv

# %% [markdown]
# ## What is understood of it
#
# Nothing is guessed in silence: `inspect` says how each column is read, and every line of it can be said otherwise.

# %% magic_args="-e" language="bash"
# xval inspect tunnel.csv

# %% [markdown]
# ## Training, and the gaps filled
#
# Every row becomes a text with one token per number. `ask --rows` fills what is missing in a table like that of the
# training; the intervals come from the errors on rows that were held out.

# %% magic_args="-e" language="bash"
# xval fit --config configs/xval/table.yaml --data.files [tunnel.csv] --data.answers '[drag (N)]' --trainer.max_epochs 30
# xval ask runs/xval/table --rows new.csv --out filled.csv --quiet
# head -n 4 filled.csv

# %% [markdown]
# ## How good is that?
#
# Here the truth is known. Every method has had the same 480 rows.

# %%
import matplotlib.pyplot as plt
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline

methods = {
    "gradient boosting": HistGradientBoostingRegressor(random_state=0),
    "linear regression": make_pipeline(SimpleImputer(), LinearRegression()),
}


def rivals(inputs, target, known):
    """Answers of scikit-learn for the rows behind the first ``known``."""
    inputs = pd.get_dummies(inputs, dtype=float)
    fitted = {name: each.fit(inputs[:known], target[:known]) for name, each in methods.items()}
    return {name: each.predict(inputs[known:]) for name, each in fitted.items()}


filled = pd.read_csv("filled.csv")
truth = drag[480:].to_numpy()
inside = np.mean((filled["low"] <= truth) & (truth <= filled["high"]))
answers = {"xVal": filled["answer"]} | rivals(table, drag, 480)

picture, panels = plt.subplots(1, 3, figsize=(9, 3.3), sharey=True, layout="constrained")
reach = [filled["answer"] - filled["low"], filled["high"] - filled["answer"]]
panels[0].errorbar(
    truth, filled["answer"], reach, fmt="none", color="lightgray", label="90 % interval"
)
panels[0].legend()
for axes, (name, answer) in zip(panels, answers.items(), strict=True):
    axes.plot(truth, answer, ".", markersize=4)
    axes.plot([0, truth.max()], [0, truth.max()], color="black", linewidth=0.8)
    axes.set(title=f"{name}: R2 {r2_score(truth, answer):.3f}", xlabel="true drag (N)")
panels[0].set_ylabel("filled in (N)")
plt.show()
print(f"{100 * inside:.0f} % of the 120 true values are in their 90 % intervals")

# %% [markdown]
# ## Where it does not win
#
# The same on a real table: scikit-learn's wines, the alcohol from twelve other columns, 178 rows. On tables of few hundred
# rows, linear regression or gradient boosting are often as good or better, in a second of work: compare before you choose.

# %%
from sklearn.datasets import load_wine

wine = load_wine(as_frame=True).data.sample(frac=1, random_state=0, ignore_index=True)
wine[:120].to_csv("wine.csv", index=False)
wine[120:].assign(alcohol=np.nan).to_csv("wine_new.csv", index=False)

# %% magic_args="-e" language="bash"
# xval fit --config configs/xval/table.yaml --data.files [wine.csv] --data.answers [alcohol] \
#   --trainer.max_epochs 40 --trainer.default_root_dir runs/xval/wine --quiet
# xval ask runs/xval/wine --rows wine_new.csv --out wine_filled.csv --quiet

# %%
found = pd.read_csv("wine_filled.csv")
answers = {"xVal": found["answer"]} | rivals(wine.drop(columns="alcohol"), wine["alcohol"], 120)
for name, answer in answers.items():
    print(f"{name:18} R2 {r2_score(wine['alcohol'][120:], answer):6.3f}")

# %% [markdown]
# For your own file: `xval inspect my.csv`, then the two commands of "Training, and the gaps filled" with its name and your
# column; leave the cells empty that you want filled.
