"""AstroCLIP: both encoders, the original's, pooling, what is learned by, steps, and search."""

from collections.abc import Callable

import torch
from case import Call, Case, Pass, built, differentiable, module, training_step
from parts import ASTROCLIP
from torch import Tensor, nn
from torch.nn.functional import normalize

PIXELS, BINS, SIZE = 7781, 2048, 48
TOKENS, WIDTH, EMBEDDING, HEADS = 390, 384, 512, 4  # the original's are twice as many and as wide
SMALL = {"width": 128, "dim": 64, "size": SIZE}


def images(batch: int, size: int = SIZE) -> Tensor:
    """Nanomaggies: a round galaxy in the middle, and noise."""
    place = torch.arange(size) - (size - 1) / 2
    light = torch.exp(-(place[:, None] ** 2 + place**2) / 50)
    return light + 0.1 * torch.randn(batch, 3, size, size)


def spectra(batch: int, pixels: int = BINS) -> tuple[Tensor, Tensor]:
    return 2 + torch.randn(batch, pixels), 0.5 + torch.rand(batch, pixels)


def pairs(count: int, dim: int) -> list[Tensor]:
    return [normalize(torch.randn(count, dim), dim=1) for _ in range(2)]


def trained(network: nn.Module, call: Callable[[], Tensor]):
    return call, [parameter for parameter in network.parameters() if parameter.requires_grad]


def image_encoder(batch: int, **options) -> Case:
    return module(lambda: (ASTROCLIP.ImageEncoder(128, SIZE, **options), (images(batch),)))


def spectrum_encoder(batch: int, pixels: int, **options) -> Case:
    def build():
        network, seen = ASTROCLIP.SpectrumEncoder(128, **options), spectra(batch, pixels)
        return trained(network, lambda: sum_of(network(*seen)[:2]))

    return differentiable(build)


def sum_of(outputs: tuple[Tensor, ...]) -> Tensor:
    return torch.stack([out.sum() for out in outputs]).sum()


def specformer(masked: bool) -> Case:
    def build():
        network = ASTROCLIP.SpecFormer(dim=96, depth=2, heads=HEADS, length=200)
        flux = torch.randn(2, 1561)
        tokens = ASTROCLIP.slice_spectrum(flux)
        asked = torch.rand(tokens.shape[:2]) < 0.4
        if masked:
            return trained(network, lambda: network.reconstruct(tokens, asked))
        return trained(network, lambda: sum_of(network(flux)))

    return differentiable(build)


def vision_transformer() -> Case:
    def build():
        network = ASTROCLIP.VisionTransformer(SIZE, 6, 96, 2, HEADS)
        seen, to_rgb = images(4), ASTROCLIP.to_rgb
        return trained(network, lambda: network(to_rgb(seen)))

    return differentiable(build)


def head() -> nn.Module:
    return ASTROCLIP.PoolingHead(EMBEDDING, HEADS, WIDTH, 4 * EMBEDDING, dropout=0.0)


def tokens() -> tuple[Tensor]:
    return (torch.randn(8, TOKENS, WIDTH),)


def photometry(kind: Pass) -> Call:
    torch.manual_seed(0)
    seen, photometry = images(32), ASTROCLIP.photometry
    return lambda: photometry(seen)


def contrastive(name: str, *learned: float) -> Case:
    def build():
        leaves = [*pairs(512, 128), *map(torch.tensor, learned)]
        loss = getattr(ASTROCLIP, name)
        return (lambda: loss(*leaves)), leaves

    return differentiable(build)


def in_chunks() -> Case:
    def build():
        encoder = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 64))
        seen, (other, _) = torch.randn(512, 64), pairs(512, 64)
        chunked, loss, scale = ASTROCLIP.in_chunks, ASTROCLIP.info_nce, torch.tensor(15.5)

        def call() -> Tensor:
            (z,) = chunked(lambda x: (normalize(encoder(x), dim=1),), (seen,), 64)
            return loss(z, other, scale)

        return call, list(encoder.parameters())

    return differentiable(build)


def masked() -> Case:
    def build():
        said, wanted, weight = torch.randn(64, 512), torch.randn(64, 512), torch.rand(64, 512)
        hide, loss = ASTROCLIP.hide, ASTROCLIP.masked_loss
        draw = torch.Generator()

        def call() -> Tensor:
            return loss(said, wanted, weight, hide(64, 512, 0.4, 32, draw.manual_seed(0)))

        return call, [said]

    return differentiable(build)


def views(kind: Pass) -> Call:
    torch.manual_seed(0)
    seen, draw, views, hide = (
        images(8),
        torch.Generator(),
        ASTROCLIP.views,
        ASTROCLIP.hidden_patches,
    )

    def call() -> None:
        draw.manual_seed(0)
        views(seen, 36, 18, 4, draw)
        hide(16, 6, 6, draw)

    return call


def prototypes(kind: Pass) -> Call:
    torch.manual_seed(0)
    logits, sinkhorn, koleo = torch.randn(64, 1024), ASTROCLIP.sinkhorn, ASTROCLIP.koleo

    def call() -> None:
        sinkhorn(logits, 0.05)
        koleo(logits)

    return call


def step(batch: int, **options) -> Case:
    """Draws, losses, backward, clipping, AdamW and what follows a step."""

    def make(kind: Pass) -> Call:
        torch.manual_seed(0)
        own = built(ASTROCLIP.AstroCLIPModule, **SMALL, steps=1000, **options)
        flux, ivar = spectra(batch)
        labels, number = torch.zeros(batch, 6), torch.arange(batch)
        seen = ASTROCLIP.Batch(images(batch), flux, ivar, labels, number)
        draw, learning = torch.Generator(), own.learning
        update = training_step(own, lambda: learning(seen, draw.manual_seed(0), 0.5)["loss"])

        def call() -> None:
            update()
            learning.after_step(0.5)

        return call

    return Case(make)


def retrieval(kind: Pass) -> Call:
    torch.manual_seed(0)
    (image, spectrum), nearest, ranks = pairs(1000, 64), ASTROCLIP.nearest, ASTROCLIP.ranks

    def call() -> None:
        nearest(image[:64], spectrum, 16)
        ranks(image[:250], spectrum[:250])

    return call


CASES = {
    "astroclip image photometry": image_encoder(16),
    "astroclip image apertures": image_encoder(4, photometry=False, apertures=16),
    "astroclip image transformer": image_encoder(4, photometry=False, depth=1, dim=64),
    "astroclip spectrum bins": spectrum_encoder(16, BINS),
    "astroclip spectrum pixels": spectrum_encoder(4, PIXELS),
    "astroclip spectrum transformer": spectrum_encoder(4, BINS, depth=1),
    "astroclip SpecFormer": specformer(masked=False),
    "astroclip SpecFormer masked": specformer(masked=True),
    "astroclip vision transformer": vision_transformer(),
    "astroclip pooling": module(lambda: (head().get_submodule("pooling"), tokens())),
    "astroclip pooling head": module(lambda: (head(), tokens())),
    "astroclip head": module(lambda: (ASTROCLIP.Head(512, 128), (torch.randn(64, 512),))),
    "astroclip photometry": Case(photometry),
    "astroclip InfoNCE": contrastive("info_nce", 15.5),
    "astroclip SigLIP": contrastive("siglip", 10.0, -10.0),
    "astroclip InfoNCE in chunks": in_chunks(),
    "astroclip masked loss": masked(),
    "astroclip views": Case(views),
    "astroclip prototypes": Case(prototypes),
    "astroclip step": step(32),
    "astroclip step spectrum": step(16, objective="spectrum"),
    "astroclip step image": step(2, objective="image", image_depth=1),
    "astroclip retrieval": Case(retrieval),
}
