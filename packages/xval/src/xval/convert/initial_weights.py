"""Start from a trained network: its blocks, and the rows of the tokens that both have."""

from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from sciformer.arguments import ArgumentError, inside
from sciformer.training.checkpoints import checkpoint
from xval.convert.convert import ORIGINAL
from xval.encodings.encoding import Encoding

TOKENS = ("embedding.tokens.weight", "token_head.2.weight")  # rows of tokens
POSITIONS = "embedding.positions.weight"
LETTERS = {f"<0x{ord(letter):02X}>": letter for letter in map(chr, range(128))}


class Trained(NamedTuple):
    """A trained network.

    Args:
        path: Its file.
        settings: Arguments of its LightningModule.
        code: Its tokens.
        weights: Its state dict.
    """

    path: Path
    settings: dict[str, Any]
    code: Encoding
    weights: dict[str, Tensor]


def read(path: str | Path) -> Trained:
    """Read a trained network.

    Args:
        path: A checkpoint, a run folder or weights of the original.

    Returns:
        The network.

    Raises:
        ArgumentError: Naming ``start``, if it is none of these.
    """
    with inside("start", path):
        found = checkpoint.find(path)
        saved = checkpoint.read(found, ORIGINAL)
        settings = saved["hyper_parameters"]
        code = checkpoint.build(found, Encoding, dict(settings.get("encoding") or {}))
    weights = {
        name.removeprefix(ORIGINAL.prefix): tensor for name, tensor in saved["state_dict"].items()
    }
    return Trained(found, settings, code, weights)


def begin(model: nn.Module, code: Encoding, trained: Trained) -> None:
    """Load the weights of a trained network.

    Tokens and positions that it lacks keep their initial values. A byte and a word of one letter
    are the same token.

    Args:
        model: Network of the same architecture.
        code: Its tokens.
        trained: The trained network.

    Raises:
        ArgumentError: Naming ``start`` and the first tensor that does not fit.
    """
    own = model.state_dict()
    for name in sorted(own.keys() ^ trained.weights.keys()):
        what = "lacks" if name in own else "has an unknown"
        raise ArgumentError("start", f"{trained.path}: {what} tensor {name}")
    theirs = {LETTERS.get(token, token): row for row, token in enumerate(trained.code.names)}
    rows = [(row, theirs.get(LETTERS.get(token, token))) for row, token in enumerate(code.names)]
    mine, known = zip(*((row, other) for row, other in rows if other is not None), strict=True)
    for name, tensor in trained.weights.items():
        if name in TOKENS and own[name].shape[1] == tensor.shape[1]:
            own[name][list(mine)] = tensor[list(known)]
        elif name == POSITIONS and own[name].shape[1] == tensor.shape[1]:
            length = min(len(own[name]), len(tensor))
            own[name][:length] = tensor[:length]
        elif own[name].shape == tensor.shape:
            own[name] = tensor
        else:
            shapes = f"{tuple(tensor.shape)}, here {tuple(own[name].shape)}"
            raise ArgumentError("start", f"{trained.path}: {name} is {shapes}")
    model.load_state_dict(own)
