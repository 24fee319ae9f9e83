"""The original's weights as ours: files and networks."""

from collections import OrderedDict
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from astroclip.convert.original_networks import Flux, SpecFormer, VisionTransformer, to_rgb
from astroclip.convert.pooling_head import PoolingHead
from astroclip.convert.state_dict import (
    Source,
    convert_state,
    head_part,
    joined,
    spectrum_part,
)
from astroclip.nn.model import Embedding
from astroclip.survey import PIXELS
from sciformer.training.checkpoints.distrust import check_tensors, compare, without_memory
from sciformer.training.checkpoints.intact import check_records
from sciformer.training.checkpoints.original_weights import (
    Converted,
    load_converted,
    translate_file,
    write_converted,
)

STAMP = "astroclip"  # the key under which our own record lies in a file
SHORTEST = 1e-3  # norm to which the original still divides embeddings
PARTS: dict[str, type[nn.Module]] = {
    "image": VisionTransformer,
    "spectrum": SpecFormer,
    "image_head": PoolingHead,
    "spectrum_head": PoolingHead,
}


class SpectrumBranch(nn.Module):
    """SpecFormer and its head: from spectra to embeddings.

    Args:
        spectrum: The encoder.
        head: What reads its tokens.
    """

    def __init__(self, spectrum: SpecFormer, head: PoolingHead) -> None:
        super().__init__()
        self.spectrum, self.head = spectrum, head

    def forward(self, flux: Flux) -> Float[Tensor, "batch dim"]:
        return self.head(self.spectrum(flux).tokens)


class OriginalAstroCLIP(nn.Module):
    """The paper's own network, asked as ours is (Parker et al. 2024, section 3).

    Args:
        image: Encoder of images.
        spectrum: Encoder of spectra.
        image_head: What reads the tokens of an image.
        spectrum_head: What reads those of a spectrum.
    """

    def __init__(
        self,
        image: VisionTransformer,
        spectrum: SpecFormer,
        image_head: PoolingHead,
        spectrum_head: PoolingHead,
    ) -> None:
        super().__init__()
        self.image, self.image_head = image, image_head
        self.spectrum, self.spectrum_head = spectrum, spectrum_head

    def forward(
        self,
        image: Float[Tensor, "batch 3 height width"],
        flux: Float[Tensor, "batch pixels"],
        ivar: Float[Tensor, "batch pixels"],
    ) -> tuple[Embedding, Embedding]:
        return self.encode_image(image), self.encode_spectrum(flux, ivar)

    def encode_image(self, image: Float[Tensor, "batch 3 height width"]) -> Embedding:
        """Embed the middle of images, 144 pixels along a side.

        Args:
            image: Nanomaggies in g, r and z, at least as large.

        Returns:
            As h the mean of the tokens, as z what the head gives.

        Raises:
            ValueError: If an image is smaller.
        """
        size, (height, width) = self.image.size, image.shape[-2:]
        if min(height, width) < size:
            raise ValueError(f"image: {height} x {width} pixels; at least {size} are needed")
        top, left = round((height - size) / 2), round((width - size) / 2)
        tokens = self.image(to_rgb(image[..., top : top + size, left : left + size]))
        return Embedding(tokens.mean(1), _on_sphere(self.image_head(tokens)))

    def encode_spectrum(
        self, flux: Float[Tensor, "batch pixels"], ivar: Float[Tensor, "batch pixels"]
    ) -> Embedding:
        """Embed spectra.

        Args:
            flux: In 7781 pixels, 1e-17 erg / s / cm2 / A; taken as 0 where it is not finite.
            ivar: Of which the original knows nothing.

        Returns:
            As h the mean of the tokens, as z what the head gives.

        Raises:
            ValueError: For another number of pixels.
        """
        if flux.shape[1] != PIXELS:
            raise ValueError(f"flux: {flux.shape[1]} pixels; {PIXELS} are needed")
        tokens = self.spectrum(flux.nan_to_num(0.0, 0.0, 0.0)).tokens
        return Embedding(tokens.mean(1), _on_sphere(self.spectrum_head(tokens)))


def spectrum_from_reference(state: Mapping[str, Tensor], heads: int = 6) -> SpecFormer:
    """The original's SpecFormer from its state dict, in eval mode.

    Args:
        state: Names and tensors; prefixes of DDP and torch.compile may be there.
        heads: Attention heads, which no weight shows.

    Returns:
        A network that answers as the original does.

    Raises:
        ValueError: Naming key and shape of what is missing, wrong or not known.
    """
    source = Source(state)
    return _networks(joined(source, {"spectrum": spectrum_part(source, "", heads)}))["spectrum"]


def heads_from_reference(
    state: Mapping[str, Tensor], heads: int = 6, pooling_heads: int = 4
) -> tuple[PoolingHead, SpectrumBranch]:
    """What follows the original's encoders, and its encoder of spectra, in eval mode.

    Args:
        state: Names and tensors of the whole, or all but the image encoder, which is not looked at.
        heads: Attention heads of SpecFormer, which no weight shows.
        pooling_heads: Those of both heads.

    Returns:
        The image head, from tokens to an embedding; the branch of spectra, from flux to one.

    Raises:
        ValueError: Naming key and shape of what is missing, wrong or not known.
    """
    source = Source(state)
    source.drop_all("image_encoder.backbone.", "logit_scale")
    parts = {
        "image_head": head_part(source, "image_encoder.", pooling_heads, residual=False),
        "spectrum": spectrum_part(source, "spectrum_encoder.backbone.", heads),
        "spectrum_head": head_part(source, "spectrum_encoder.", pooling_heads, residual=True),
    }
    made = _networks(joined(source, parts))
    return made["image_head"], SpectrumBranch(made["spectrum"], made["spectrum_head"]).eval()


def convert(
    original: str,
    out: str,
    heads: int = 6,
    image_heads: int = 16,
    pooling_heads: int = 4,
    overwrite: bool = False,
) -> None:
    """Write weights of the paper's own code in our format.

    Args:
        original: Its astroclip.ckpt, specformer.ckpt or astrodino.ckpt, or the bare state dict of
            one in a .pt or .safetensors file.
        out: The .safetensors file to write; ``load`` reads it.
        heads: Attention heads of SpecFormer, which no weight shows; the paper's code has 6.
        image_heads: Those of the vision transformer; the paper's code has 16.
        pooling_heads: Those of both heads; the paper's code has 4.
        overwrite: Replace a file that is there.

    Raises:
        ValueError: If the original cannot be read or is none, or ``out`` has another ending.
    """
    with shells(original):
        converted = translate_file(
            original,
            out,
            lambda state: convert_state(state, heads, image_heads, pooling_heads),
            overwrite,
        )
    write_converted(STAMP, out, converted)


def load(path: str | Path) -> OriginalAstroCLIP | SpecFormer | VisionTransformer:
    """What ``convert`` wrote, in eval mode.

    Args:
        path: Of the .safetensors file.

    Returns:
        AstroCLIP, SpecFormer or the vision transformer, as the original was.

    Raises:
        ValueError: If the file is missing, damaged, or not what ``convert`` writes.
    """
    return load_converted(STAMP, path, _built)


def _built(converted: Converted) -> OriginalAstroCLIP | SpecFormer | VisionTransformer:
    networks = _networks(converted)
    return OriginalAstroCLIP(**networks).eval() if len(networks) > 1 else networks.popitem()[1]


def shells(path: str) -> AbstractContextManager[Any]:
    """Read what a checkpoint pickles besides tensors as empty shells, inside of this context.

    Lightning's checkpoints hold the networks among the hyperparameters. torch reads a file of
    plain tensors only, but lets names stand for other classes: each name that it does not know
    stands for nothing. No code of the file is found or run.

    Args:
        path: The checkpoint; whatever is wrong with it, its reader will say.

    Returns:
        The context.
    """
    try:
        check_records(path)
        names = get_unsafe_globals_in_checkpoint(path)
    except Exception:  # a damaged pickle can raise anything at all
        return nullcontext()
    return safe_globals(
        [(_EmptyDict if name.endswith(("Dict", "dict")) else _Empty, name) for name in names]
    )


class _Empty:
    def __new__(cls, *args: Any, **options: Any) -> "_Empty":
        return super().__new__(cls)

    def __init__(self, *args: Any, **options: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


class _EmptyDict:
    def __new__(cls, *args: Any, **options: Any) -> OrderedDict:
        return OrderedDict()  # which torch's reader fills with items


def _networks(converted: Converted) -> dict[str, Any]:
    """Networks by their part, with their weights, in eval mode."""
    with without_memory(len(converted.weights)):  # nor time for initial values
        parts = {name: PARTS[name](**given) for name, given in converted.settings.items()}
    whole = nn.ModuleDict(parts)
    check_tensors(converted.weights, "weights")
    compare(converted.weights, whole)
    whole = whole.to_empty(device="cpu")
    whole.load_state_dict(converted.weights)
    return dict(whole.eval().items())


def _on_sphere(x: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
    return normalize(x.float(), dim=1, eps=SHORTEST)
