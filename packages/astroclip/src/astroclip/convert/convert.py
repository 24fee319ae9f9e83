"""Convert original AstroCLIP weights to our format, and load the result."""

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
    """SpecFormer and its pooling head: from spectra to embeddings.

    Args:
        spectrum: Encoder.
        head: Pooling head.
    """

    def __init__(self, spectrum: SpecFormer, head: PoolingHead) -> None:
        super().__init__()
        self.spectrum, self.head = spectrum, head

    def forward(self, flux: Flux) -> Float[Tensor, "batch dim"]:
        return self.head(self.spectrum(flux).tokens)


class OriginalAstroCLIP(nn.Module):
    """The original network, with the same methods as ours (Parker et al. 2024, section 3).

    Args:
        image: Image encoder.
        spectrum: Spectrum encoder.
        image_head: Pooling head of the image encoder.
        spectrum_head: Pooling head of the spectrum encoder.
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
        """Embed images after cropping them to the central 144 x 144 pixels.

        Args:
            image: Nanomaggies in g, r and z; at least 144 x 144 pixels.

        Returns:
            h is the mean of the tokens, z the normalized output of the pooling head.

        Raises:
            ValueError: If an image is smaller than that.
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
            flux: 7781 pixels in 1e-17 erg / s / cm2 / A; values that are not finite are set to 0.
            ivar: Ignored; the original does not use it.

        Returns:
            h is the mean of the tokens, z the normalized output of the pooling head.

        Raises:
            ValueError: If the number of pixels is not 7781.
        """
        if flux.shape[1] != PIXELS:
            raise ValueError(f"flux: {flux.shape[1]} pixels; {PIXELS} are needed")
        tokens = self.spectrum(flux.nan_to_num(0.0, 0.0, 0.0)).tokens
        return Embedding(tokens.mean(1), _on_sphere(self.spectrum_head(tokens)))


def spectrum_from_reference(state: Mapping[str, Tensor], heads: int = 6) -> SpecFormer:
    """Build the original SpecFormer alone; arguments and errors as for :func:`convert_state`."""
    source = Source(state)
    return _networks(joined(source, {"spectrum": spectrum_part(source, "", heads)}))["spectrum"]


def heads_from_reference(
    state: Mapping[str, Tensor], heads: int = 6, pooling_heads: int = 4
) -> tuple[PoolingHead, SpectrumBranch]:
    """Build the original pooling head of images and the spectrum branch, in eval mode.

    Args:
        state: Original state dict, complete or without the image encoder, which is ignored.
        heads: Attention heads of SpecFormer, which the weights do not determine.
        pooling_heads: Attention heads of both pooling heads.

    Returns:
        Pooling head of images (tokens to embedding), and spectrum branch (flux to embedding).

    Raises:
        ValueError: Naming key and shape of missing, mismatched or unknown weights.
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
    """Convert weights of the original AstroCLIP to our format.

    Args:
        original: Original astroclip.ckpt, specformer.ckpt or astrodino.ckpt, or its state dict in a
            .pt or .safetensors file.
        out: Output .safetensors file; ``load`` reads it.
        heads: Attention heads of SpecFormer, which the weights do not determine; 6 in the original
            code.
        image_heads: Attention heads of the vision transformer; 16 in the original code.
        pooling_heads: Attention heads of both pooling heads; 4 in the original code.
        overwrite: Replace an existing file.

    Raises:
        ValueError: If the original cannot be read or is not an AstroCLIP checkpoint, or ``out`` has
            a wrong suffix.
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
    """Load a .safetensors file of ``convert``, in eval mode; ``ValueError`` if it is none."""
    return load_converted(STAMP, path, _built)


def _built(converted: Converted) -> OriginalAstroCLIP | SpecFormer | VisionTransformer:
    networks = _networks(converted)
    return OriginalAstroCLIP(**networks).eval() if len(networks) > 1 else networks.popitem()[1]


def shells(path: str) -> AbstractContextManager[Any]:
    """Load a checkpoint's pickled objects, except tensors, as empty placeholders in this context.

    Lightning checkpoints include the networks among the hyperparameters. torch loads only tensors
    safely, but allows names to be mapped to other classes: every unknown name is mapped to an empty
    class. No code from the file is imported or run.

    Args:
        path: The checkpoint; errors are left to the function that reads it.

    Returns:
        The context manager.
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
    """Networks by part, with converted weights, in eval mode."""
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
