"""Self-distillation of images in the manner of DINOv2 (Oquab et al. 2023, arXiv 2304.07193).

A student says of crops with hidden patches what its teacher, its own average over the past, says of
other crops, and of the hidden patches.
"""

import copy
import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from astroclip.losses.image_crops import Views
from astroclip.losses.precision import widened
from astroclip.losses.prototypes import PrototypeHead, koleo, sinkhorn

STUDENT_TEMPERATURE = 0.1
TEACHER_TEMPERATURE = (0.04, 0.07)  # at the start, and after the warm-up
MOMENTUM = 0.992  # of the teacher at the start; 1 at the end
KOLEO = 0.1  # weight


class Distilled(NamedTuple):
    """Losses of a batch.

    Args:
        loss: Their sum.
        crops: Cross-entropy of what is said of an image's other crops, in nats.
        patches: Of what is said of hidden patches.
        koleo: Unweighted; it spreads the images.
        entropy: Of the teacher's mean answer, in nats, before it is balanced: from 0, if all images
            are the same to it, to the logarithm of the number of prototypes.
    """

    loss: Float[Tensor, ""]
    crops: Float[Tensor, ""]
    patches: Float[Tensor, ""]
    koleo: Float[Tensor, ""]
    entropy: Float[Tensor, ""]


class Branch(nn.Module):
    """A backbone and what is asked of it.

    Args:
        backbone: Images, and which patches are hidden or None -> embeddings of the images (batch,
            dim) and of their patches (batch, patches, dim).
        head: Of both.
    """

    def __init__(self, backbone: nn.Module, head: PrototypeHead) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head


class SelfDistillation(nn.Module):
    """A student, which learns, and a teacher that follows it.

    Call ``update`` after every optimizer step. The teacher takes no gradient and never drops out;
    both are in the state.

    Args:
        backbone: See ``Branch``; it is the student's.
        dim: Width of what it gives.
        prototypes: Number of prototypes.
        hidden: Width of the heads.
        bottleneck: Numbers that are compared with a prototype.
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
        """Set the student's mode; the teacher's stays."""
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
        said = patches_loss(head(patches[hidden]), patch_answers, hidden)
        spread = torch.stack([koleo(one) for one in cls.chunk(2)]).sum()
        return Distilled(crops + said + KOLEO * spread, crops, said, spread, entropy)

    @torch.no_grad()
    def targets(
        self, views: Views, hidden: Bool[Tensor, "crops patches"], temperature: float
    ) -> tuple[
        Float[Tensor, "crops prototypes"], Float[Tensor, "said prototypes"], Float[Tensor, ""]
    ]:
        """The teacher's answers, of whole crops and of hidden patches, and their entropy."""
        cls, patches = self.teacher.backbone(views.large, None)
        logits = self.teacher.head(cls)
        mean = (widened(logits) / temperature).softmax(-1).mean(0)
        answers = sinkhorn(logits, temperature)
        said = sinkhorn(self.teacher.head(patches[hidden]), temperature)
        return answers, said, torch.special.entr(mean).sum()

    @torch.no_grad()
    def update(self, momentum: float) -> None:
        """Let the teacher follow: ``teacher = momentum teacher + (1 - momentum) student``."""
        for own, other in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
            own.lerp_(other, 1 - momentum)
        for own, other in zip(self.teacher.buffers(), self.student.buffers(), strict=True):
            own.copy_(other)


def crops_loss(
    large: Float[Tensor, "crops prototypes"],
    small: Float[Tensor, "parts prototypes"],
    answers: Float[Tensor, "crops prototypes"],
) -> Float[Tensor, ""]:
    """Mean cross-entropy of all pairs of a large crop and another crop of the same image.

    Args:
        large: The student's logits of two crops of each image.
        small: Of some more.
        answers: The teacher's of the large crops.

    Returns:
        In nats.
    """
    answers = answers.unflatten(0, (2, -1))
    batch = answers.shape[1]
    large, small = (_log_softmax(x).unflatten(0, (-1, batch)) for x in (large, small))
    pairs = 2 + 2 * len(small)
    total = (answers.flip(0) * large).sum() + (answers.sum(0) * small).sum()
    return -total / (pairs * batch)


def patches_loss(
    said: Float[Tensor, "said prototypes"],
    answers: Float[Tensor, "said prototypes"],
    hidden: Bool[Tensor, "crops patches"],
) -> Float[Tensor, ""]:
    """Cross-entropy of hidden patches: the mean of each crop, of which the mean over all crops.

    Zhou et al. 2022 (arXiv 2111.07832). A crop without hidden patches counts with 0.

    Args:
        said: The student's logits of the hidden patches, crop by crop.
        answers: The teacher's.
        hidden: Which they are.

    Returns:
        In nats.
    """
    weight = hidden / hidden.sum(1, keepdim=True).clamp_min(1)
    return -((answers * _log_softmax(said)).sum(1) * weight[hidden]).sum() / len(hidden)


def teacher_momentum(step: float, steps: float) -> float:
    """Momentum of the teacher: a cosine from 0.992 to 1.

    Args:
        step: Optimizer steps that were done.
        steps: Of the whole training.

    Returns:
        What ``update`` takes.
    """
    done = min(step / steps, 1.0)
    return 1 - (1 - MOMENTUM) * (1 + math.cos(math.pi * done)) / 2


def teacher_temperature(step: float, warmup: float) -> float:
    """Temperature of the teacher: from 0.04 linearly to 0.07.

    Args:
        step: Optimizer steps that were done.
        warmup: Steps until it stays.

    Returns:
        What ``SelfDistillation`` takes.
    """
    first, last = TEACHER_TEMPERATURE
    return last if step >= warmup else first + (last - first) * step / warmup


def _log_softmax(logits: Float[Tensor, "batch prototypes"]) -> Float[Tensor, "batch prototypes"]:
    return (widened(logits) / STUDENT_TEMPERATURE).log_softmax(-1)
