"""Heads that turn what was attended to into a count."""

import pytest
import torch

from contextual_counting.nn.model import CountingTransformer


def tokens(samples=3, length=60, seed=0):
    return torch.randint(0, 4, (samples, length), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("head", ["quadratic", "free"])
def test_the_collapsed_head_is_one_linear_layer_with_the_same_logits(head):
    torch.manual_seed(0)
    model = CountingTransformer(head=head).double()
    if head == "quadratic":
        torch.nn.init.normal_(model.decoder.head.ratio.weight)
    before = model(tokens(), 4)
    model.collapse()
    assert type(model.decoder.head) is torch.nn.Linear
    assert model.decoder.head.weight.shape == (512, 64)
    scale = float(before.detach().abs().max())
    assert torch.allclose(model(tokens(), 4), before, rtol=1e-9, atol=1e-9 * scale)


def test_the_quadratic_head_is_most_likely_at_16_p_over_q():
    model = CountingTransformer(dim=2)
    head = model.decoder.head
    with torch.no_grad():
        head.ratio.weight.copy_(torch.eye(2))
        head.ratio.bias.zero_()
    z = torch.tensor([[[10.0, 1.0], [3.0, 2.0], [0.0, 1.0]]])
    assert head(z).argmax(-1).tolist() == [[160, 24, 0]]
