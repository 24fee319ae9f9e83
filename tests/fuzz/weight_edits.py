"""Changes of files of weights, made by torch and safetensors."""

import json
import struct

import torch
from formats import zipped
from mutations import VALUES, changed, damaged, one_file
from safetensors import safe_open
from safetensors.torch import save_file

from sciformer.training.checkpoints.safetensors import CHECKSUM


def plain(folder, random):
    """Change notes or tensors of safetensors; no checksum is there, as in files from elsewhere."""
    path = one_file(folder, random, "*.safetensors")
    with safe_open(path, "pt") as file:
        notes = {key: note for key, note in (file.metadata() or {}).items() if key != CHECKSUM}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no dict
    if notes and random.random() < 0.6:
        key = random.choice(list(notes))
        notes[key] = json.dumps(changed(json.loads(notes[key]), random))
    else:
        name = random.choice(list(tensors))
        one = tensors.pop(name)
        kinds = (
            one[:1],
            one.double(),
            one.bool(),
            one * float("nan"),
            one.reshape(-1),
            one[..., 0],
        )
        if random.random() < 0.8:
            tensors[random.choice((name, name, name, "x", name[1:]))] = random.choice(kinds)
    save_file({name: one.contiguous() for name, one in tensors.items()}, path, notes)


def plain_header(folder, random):
    """Change the table in front of safetensors; its length is right again."""
    path = one_file(folder, random, "*.safetensors")
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    table, rest = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    table.get("__metadata__", {}).pop(CHECKSUM, None)
    text = json.dumps(changed(table, random)).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + rest)


def values(found, random):
    """A change of settings, with what JSON cannot say as well."""
    odd = (
        torch.ones(2), torch.zeros(3, device="meta"), torch.ones(1).expand(10**5, 10**5),
        torch.eye(3).to_sparse(), torch.tensor(float("nan")), (1, [2]), {1: 2}, 2**63 - 1, 1j, b"x",
    )  # fmt: skip
    if isinstance(found, dict) and found and random.random() < 0.9:
        key = random.choice(list(found))
        return {**found, key: values(found[key], random)}
    if isinstance(found, torch.Tensor) and random.random() < 0.5:
        return random.choice((found[:1], found.double(), found * float("nan"), found.reshape(-1)))
    return random.choice((*odd, *VALUES[:18], *VALUES[20:]))


def checkpoint(folder, random):
    """Save something else in a file of torch."""
    path = one_file(folder, random, "*.ckpt", "*.pt")
    found = torch.load(path, weights_only=True)
    legacy = random.random() < 0.2
    torch.save(values(found, random), path, _use_new_zipfile_serialization=not legacy)


def pickled(folder, random):
    """Change the pickle or a tensor's bytes within a file of torch."""
    zipped(folder, random, "*.ckpt", "*.pt", change=damaged)


PLAIN = (plain, plain, plain_header)
TORCH = (checkpoint, checkpoint, pickled)
