"""Small networks, data that train in moments, a checkpoint, and few galaxies in files."""

import numpy as np
import torch
from trainers import silent_trainer
from verbs import exit_code, refusal

from astroclip.cli import PROJECT
from astroclip.data.datamodule import GalaxyData
from astroclip.inference.embedding_files import Embeddings
from astroclip.module import AstroCLIPModule, Network
from astroclip.survey import PIXELS
from sciformer.arguments import with_tables
from sciformer.training.checkpoints import checkpoint

SIZE = 16
NETWORK = {
    "dim": 8, "width": 16, "size": SIZE, "apertures": 3, "image_depth": 1, "spectrum_depth": 1,
    "tokens_dim": 16, "heads": 2, "patch": 4, "warmup": 1,
}  # fmt: skip
DATA = {"pairs": 24, "size": SIZE, "batch_size": 8, "val_pairs": 12, "test_pairs": 12}
SAVED = {"pairs": 64, "val_pairs": 8, "test_pairs": 40, "size": SIZE, "batch_size": 16}


def data(**options):
    """Few galaxies with small images."""
    return GalaxyData(**{**DATA, **options})


def module(**options):
    """The same weights whatever was drawn before."""
    torch.manual_seed(0)
    return AstroCLIPModule(**with_tables(AstroCLIPModule, {**NETWORK, **options}))


def fit(module, data, **options):
    """Train on one core, silently."""
    trainer = silent_trainer(**{"num_sanity_val_steps": 0, "max_epochs": 1, **options})
    trainer.fit(module, data)
    return trainer


def astroclip(*words):
    """Run a verb in this process; its exit code."""
    return exit_code(PROJECT, *words)


def complaint(capsys, *words):
    return refusal(PROJECT, capsys, *words)


def network(seed=0):
    torch.manual_seed(seed)
    return AstroCLIPModule(size=SIZE, network=Network(dim=8, width=16)).eval()


def save(folder, seed=0, **data):
    """A checkpoint as a fit writes it."""
    module = network(seed)
    state = {"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}
    state["datamodule_hyper_parameters"] = dict(GalaxyData(**SAVED | data).hparams)
    checkpoint.stamp(state, module, {"seed": 0, "cpu_s": 1.0})
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(state, folder / "last.ckpt")
    return folder


def write_pairs(folder, count=5, images=True, spectra=True, labels=True):
    """A galaxy in each pair of files; the ids are g0, g1, ... Returns --files."""
    entry = {}
    for name, there in (("images", images), ("spectra", spectra)):
        if there:
            (folder / name).mkdir(parents=True)
            entry[name] = str(folder / name)
    for number in range(count):
        random = np.random.default_rng(number)
        light = random.normal(1, 0.3, (3, SIZE + 2, SIZE + 2)).astype("f4")
        flux, ivar = random.normal(2, 0.5, PIXELS), random.uniform(0.5, 4, PIXELS)
        if images:
            np.save(folder / "images" / f"g{number}.npy", light)
        if spectra:
            np.savez(folder / "spectra" / f"g{number}.npz", flux=flux, ivar=ivar)
    if labels:
        rows = [f"g{number},{0.1 + 0.05 * number},10.5" for number in range(count - 1)]
        (folder / "labels.csv").write_text("\n".join(["id,redshift,log_mass", *rows]))
        entry["labels"] = str(folder / "labels.csv")
    if len(entry) - labels == 1:
        entry["path"] = entry.pop("images" if images else "spectra")
    return entry


def words(entry):
    """--files of a table."""
    return ["--files", "{" + ", ".join(f"{key}: {value}" for key, value in entry.items()) + "}"]


def sky(count, seed=0, dim=8):
    """Galaxies at random places, with vectors of any norm."""
    random = np.random.default_rng(seed)
    names = ("image_z", "spectrum_z")
    vectors = {name: random.normal(size=(count, dim)).astype("f4") for name in names}
    where = np.stack([random.uniform(0, 360, count), random.uniform(-80, 80, count)], 1)
    labels = {"redshift": random.uniform(0, 1, count).astype("f4"), "type": np.arange(count) % 2}
    labels["type"] = labels["type"].astype("f4")
    return Embeddings([f"s{n}" for n in range(count)], labels, where, vectors, {"type": ["a", "b"]})


def embedded(count, seed=0, dim=6, **labels):
    """Embeddings that say what a galaxy is: redshift and mass are functions of them."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, dim)).astype("f4")
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    known = {
        "redshift": 0.3 + 0.2 * vectors[:, 0],
        "log_mass": 10 + vectors[:, 1] * vectors[:, 2],
        "morphology": (vectors[:, 3] > 0).astype("f4"),
        **labels,
    }
    names = ("image_h", "image_z", "spectrum_h", "spectrum_z")
    ids = [f"{seed}-{number}" for number in range(count)]
    return Embeddings(ids, known, None, dict.fromkeys(names, vectors))
