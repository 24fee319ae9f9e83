"""Self-distillation of images as in DINOv2 (Oquab et al. 2023, arXiv 2304.07193).

A student matches its teacher, an exponential moving average of itself: on other crops of the same
image (DINO), and on patches that are hidden from the student (iBOT).
"""

import copy
import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from astroclip.losses.image_crops import Views
from astroclip.losses.prototypes import PrototypeHead, koleo, sinkhorn
from sciformer.nn.precision import widened

STUDENT_TEMPERATURE = 0.1
TEACHER_TEMPERATURE = (0.04, 0.07)  # initial, and after the warm-up
MOMENTUM = 0.992  # initial momentum of the teacher; it ends at 1
KOLEO = 0.1  # weight of the KoLeo loss


class Distilled(NamedTuple):
    """Losses of a batch.

    Args:
        loss: Weighted sum.
        crops: DINO loss between crops of an image, in nats.
        patches: iBOT loss of hidden patches, in nats.
        koleo: KoLeo loss, unweighted; it spreads the embeddings.
        entropy: Entropy of the teacher's mean prediction before Sinkhorn, in nats: 0 if it has
            collapsed, at most the log of the number of prototypes.
    """

    loss: Float[Tensor, ""]
    crops: Float[Tensor, ""]
    patches: Float[Tensor, ""]
    koleo: Float[Tensor, ""]
    entropy: Float[Tensor, ""]


class Branch(nn.Module):
    """Backbone and prototype head of the student or the teacher.

    Args:
        backbone: (images, mask of hidden patches or None) -> embeddings of the images (batch, dim)
            and of their patches (batch, patches, dim).
        head: Prototype head for both.
    """

    def __init__(self, backbone: nn.Module, head: PrototypeHead) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head


class SelfDistillation(nn.Module):
    """Student and its EMA teacher.

    Call ``update`` after every optimizer step. The teacher has no gradient and no dropout; both are
    in the state dict.

    Args:
        backbone: Backbone of the student, see ``Branch``.
        dim: Width of its embeddings.
        prototypes: Number of prototypes.
        hidden: Hidden width of the heads.
        bottleneck: Width of the vectors compared with prototypes.
    """

    def __init__(
        self,
        backbone: nn.Module,
        dim: int,
        prototypes: int = 1024,
        hidden: int = 256,
        bottleneck: int = 64,
    ) -> None:
        super().__init__()
        self.student = Branch(backbone, PrototypeHead(dim, prototypes, hidden, bottleneck))
        self.teacher = copy.deepcopy(self.student).requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "SelfDistillation":
        """Set the student's mode; the teacher stays in evaluation mode."""
        super().train(mode)
        self.teacher.eval()
        return self

    def forward(
        self, views: Views, hidden: Bool[Tensor, "crops patches"], temperature: float
    ) -> Distilled:
        answers, patch_answers, entropy = self.targets(views, hidden, temperature)
        cls, patches = self.student.backbone(views.large, hidden)
        small, _ = self.student.backbone(views.small, None)
        head = self.student.head
        crops = crops_loss(head(cls), head(small), answers)
        masked = patches_loss(head(patches[hidden]), patch_answers, hidden)
        spread = torch.stack([koleo(one) for one in cls.chunk(2)]).sum()
        return Distilled(crops + masked + KOLEO * spread, crops, masked, spread, entropy)

    @torch.no_grad()
    def targets(
        self, views: Views, hidden: Bool[Tensor, "crops patches"], temperature: float
    ) -> tuple[
        Float[Tensor, "crops prototypes"], Float[Tensor, "masked prototypes"], Float[Tensor, ""]
    ]:
        """Teacher predictions for large crops and hidden patches, and their entropy."""
        cls, patches = self.teacher.backbone(views.large, None)
        logits = self.teacher.head(cls)
        mean = (widened(logits) / temperature).softmax(-1).mean(0)
        answers = sinkhorn(logits, temperature)
        patch_answers = sinkhorn(self.teacher.head(patches[hidden]), temperature)
        return answers, patch_answers, torch.special.entr(mean).sum()

    @torch.no_grad()
    def update(self, momentum: float) -> None:
        """Update the EMA: ``teacher = momentum teacher + (1 - momentum) student``."""
        for own, other in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
            own.lerp_(other, 1 - momentum)
        for own, other in zip(self.teacher.buffers(), self.student.buffers(), strict=True):
            own.copy_(other)


def crops_loss(
    large: Float[Tensor, "crops prototypes"],
    small: Float[Tensor, "parts prototypes"],
    answers: Float[Tensor, "crops prototypes"],
) -> Float[Tensor, ""]:
    """DINO loss: mean cross-entropy over pairs of a large crop and another crop of the same image.

    Args:
        large: Student logits of two large crops of each image.
        small: Student logits of the small crops.
        answers: Teacher probabilities of the large crops.

    Returns:
        Loss in nats.
    """
    answers = answers.unflatten(0, (2, -1))
    batch = answers.shape[1]
    large, small = (_log_softmax(x).unflatten(0, (-1, batch)) for x in (large, small))
    pairs = 2 + 2 * len(small)
    total = (answers.flip(0) * large).sum() + (answers.sum(0) * small).sum()
    return -total / (pairs * batch)


def patches_loss(
    logits: Float[Tensor, "masked prototypes"],
    answers: Float[Tensor, "masked prototypes"],
    hidden: Bool[Tensor, "crops patches"],
) -> Float[Tensor, ""]:
    """Patch loss of iBOT (Zhou et al. 2022, arXiv 2111.07832): mean per crop, then over crops.

    A crop without hidden patches counts as 0.

    Args:
        logits: Student logits of the hidden patches, crop by crop.
        answers: Teacher probabilities of these patches.
        hidden: Mask of hidden patches.

    Returns:
        Loss in nats.
    """
    weight = hidden / hidden.sum(1, keepdim=True).clamp_min(1)
    return -((answers * _log_softmax(logits)).sum(1) * weight[hidden]).sum() / len(hidden)


def teacher_momentum(step: float, steps: float) -> float:
    """Momentum of the teacher's moving average: cosine schedule from 0.992 to 1.

    Args:
        step: Completed optimizer steps.
        steps: Steps of the training.

    Returns:
        Momentum.
    """
    done = min(step / steps, 1.0)
    return 1 - (1 - MOMENTUM) * (1 + math.cos(math.pi * done)) / 2


def teacher_temperature(step: float, warmup: float) -> float:
    """Softmax temperature of the teacher: linear from 0.04 to 0.07, then constant.

    Args:
        step: Completed optimizer steps.
        warmup: Steps of the linear part.

    Returns:
        Temperature.
    """
    first, last = TEACHER_TEMPERATURE
    return last if step >= warmup else first + (last - first) * step / warmup


def _log_softmax(logits: Float[Tensor, "batch prototypes"]) -> Float[Tensor, "batch prototypes"]:
    return (widened(logits) / STUDENT_TEMPERATURE).log_softmax(-1)
