import math

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from astroclip.losses.distillation import (
    SelfDistillation,
    crops_loss,
    patches_loss,
    teacher_momentum,
    teacher_temperature,
)
from astroclip.losses.image_crops import hidden_patches, views
from astroclip.nn.image_encoder import ImageTransformer

PATCH, DIM, PROTOTYPES = 4, 32, 32


class Backbone(nn.Module):
    """Patches that see their mean."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(3 * PATCH**2, DIM)
        self.hidden = nn.Parameter(torch.zeros(DIM))
        self.mix = nn.Sequential(nn.Linear(2 * DIM, DIM), nn.GELU(), nn.Dropout(0.1))
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, image, hidden=None):
        x = image.unfold(2, PATCH, PATCH).unfold(3, PATCH, PATCH)
        x = self.embed(x.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2))
        if hidden is not None:
            x = torch.where(hidden[..., None], self.hidden, x)
        x = self.mix(torch.cat([x, x.mean(1, keepdim=True).expand_as(x)], 2))
        return x.mean(1), x


def distillation():
    torch.manual_seed(0)
    return SelfDistillation(Backbone(), DIM, PROTOTYPES, hidden=32, bottleneck=16)


def galaxies(batch, generator):
    """Round blobs of many sizes and colors."""
    place = torch.arange(24.0) - 11.5
    square = place[:, None] ** 2 + place**2
    size = 1 + 4 * torch.rand(batch, 1, 1, 1, generator=generator)
    color = torch.randn(batch, 3, 1, 1, generator=generator)
    return color * torch.exp(-square / (2 * size**2))


def seen(batch=32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    crops = views(galaxies(batch, generator), 20, 12, 2, generator)
    return crops, hidden_patches(2 * batch, 5, 5, generator)


@pytest.fixture(scope="module")
def trained():
    """Losses of a short training."""
    network = distillation()
    optimizer = torch.optim.AdamW(network.student.parameters(), lr=1e-2)
    found = []
    for step in range(100):
        losses = network(*seen(seed=step), 0.04)
        optimizer.zero_grad()
        losses.loss.backward()
        optimizer.step()
        network.update(0.9)
        found.append(torch.stack(losses).detach())
    return torch.stack(found)


def test_a_student_learns_what_its_teacher_says(trained):
    crops, patches = trained[:, 1:3].T
    assert crops[-20:].mean() < crops[:5].mean() - 1
    assert patches[-20:].mean() < patches[:5].mean() - 0.5


def test_the_teacher_does_not_say_the_same_of_all_images(trained):
    """A collapsed one has entropy 0, or an answer for all that is uniform and loss log K."""
    assert trained[-20:, 4].mean() > 0.5 * math.log(PROTOTYPES)
    assert trained[-20:, 1].mean() < math.log(PROTOTYPES) - 0.5


def test_the_teacher_takes_no_gradient_and_all_of_the_student_does():
    network = distillation()
    network(*seen(), 0.04).loss.backward()
    assert not any(p.requires_grad or p.grad is not None for p in network.teacher.parameters())
    assert all(p.grad is not None and p.grad.any() for p in network.student.parameters())


def test_the_teacher_is_the_average_of_the_student():
    network = distillation()
    before = {name: p.clone() for name, p in network.teacher.named_parameters()}
    with torch.no_grad():
        for p in network.student.parameters():
            p.add_(torch.randn_like(p))
        dict(network.student.named_buffers())["backbone.seen"].fill_(3.0)
    network.update(0.9)
    student = dict(network.student.named_parameters())
    for name, p in network.teacher.named_parameters():
        torch.testing.assert_close(p, 0.9 * before[name] + 0.1 * student[name])
    assert dict(network.teacher.named_buffers())["backbone.seen"] == 3


def test_the_teacher_never_drops_out():
    network = distillation().train()
    assert network.student.training
    assert not any(part.training for part in network.teacher.modules())


def test_teacher_and_student_are_in_the_state():
    first, second = distillation(), distillation()
    with torch.no_grad():
        for p in first.parameters():
            p.add_(1.0)
    second.load_state_dict(first.state_dict())
    both = zip(first.parameters(), second.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in both)
    assert len(list(first.teacher.parameters())) == len(list(first.student.parameters()))


def test_one_image_without_hidden_patches_has_finite_losses():
    network = distillation()
    crops, hidden = seen(batch=1)
    losses = network(crops, torch.zeros_like(hidden), 0.04)
    losses.loss.backward()
    assert torch.stack(losses).isfinite().all()
    assert losses.patches.item() == losses.koleo.item() == 0
    gradients = [p.grad for p in network.student.parameters() if p.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_equal_images_have_finite_losses():
    network = distillation()
    crops, hidden = seen(batch=4)
    same = type(crops)(*(x[:1].expand_as(x) for x in crops))
    losses = network(same, hidden, 0.04)
    losses.loss.backward()
    assert torch.stack(losses).isfinite().all()
    gradients = [p.grad for p in network.student.parameters() if p.grad is not None]
    assert len(gradients) == len(list(network.student.parameters()))
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_the_transformer_of_images_may_be_the_backbone():
    network = SelfDistillation(ImageTransformer(48, 8, 16, 1, 2), 16, PROTOTYPES)
    generator = torch.Generator().manual_seed(0)
    crops = views(torch.randn(3, 3, 48, 48, generator=generator), 40, 16, 2, generator)
    network(crops, hidden_patches(6, 5, 5, generator), 0.04).loss.backward()
    assert all(p.grad is not None for p in network.student.parameters())


def test_crops_are_compared_with_all_others_of_their_image():
    generator = torch.Generator().manual_seed(0)
    large, small = torch.randn(6, 5, generator=generator), torch.randn(9, 5, generator=generator)
    answers = torch.randn(6, 5, generator=generator).softmax(1)
    terms = []
    for image in range(3):
        for teacher in (image, image + 3):
            other = image + 3 if teacher == image else image
            said = [large[other], *small[image::3]]
            terms += [cross_entropy(10 * one, answers[teacher]) for one in said]
    torch.testing.assert_close(crops_loss(large, small, answers), torch.stack(terms).mean())


def test_each_crop_counts_the_same_however_much_it_hides():
    hidden = torch.tensor([[True, True, True], [False, True, False], [False, False, False]])
    generator = torch.Generator().manual_seed(0)
    said = torch.randn(4, 5, generator=generator)
    answers = torch.randn(4, 5, generator=generator).softmax(1)
    each = cross_entropy(10 * said, answers, reduction="none")
    expected = (each[:3].mean() + each[3]) / 3
    torch.testing.assert_close(patches_loss(said, answers, hidden), expected)


def test_the_momentum_rises_to_one():
    assert teacher_momentum(0.0, 100.0) == pytest.approx(0.992)
    assert teacher_momentum(50.0, 100.0) == pytest.approx(0.996)
    assert teacher_momentum(100.0, 100.0) == teacher_momentum(101.0, 100.0) == 1


def test_the_temperature_rises_and_stays():
    assert teacher_temperature(0.0, 30.0) == pytest.approx(0.04)
    assert teacher_temperature(15.0, 30.0) == pytest.approx(0.055)
    assert teacher_temperature(30.0, 30.0) == teacher_temperature(99.0, 30.0) == 0.07
    assert teacher_temperature(0.0, 0.0) == 0.07
