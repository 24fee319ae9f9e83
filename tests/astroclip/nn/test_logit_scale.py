import math

import torch
from torch.nn.functional import normalize

from astroclip.losses.contrastive import info_nce
from astroclip.nn.logit_scale import bounded_scale


def test_a_learned_scale_moves_as_far_as_it_may_and_comes_back():
    """The original's parameter of the scale had no gradient (dossier 3.1, 3)."""
    a = normalize(torch.eye(8) + 1, dim=1)  # with cosines of 0.9
    log_scale = torch.nn.Parameter(torch.tensor(math.log(15.5)))
    optimizer = torch.optim.Adam([log_scale], lr=0.1)
    for kind, reached in ((a, True), (a.flip(0), False)):  # all pairs are right, then wrong
        for _ in range(60):
            optimizer.zero_grad()
            info_nce(a, kind, bounded_scale(log_scale)).backward()
            optimizer.step()
        scale = float(bounded_scale(log_scale).detach())
        assert (scale > 90) is reached
        assert scale <= 100


def test_at_the_bound_only_what_would_pass_it_is_left_out():
    log_scale = torch.tensor(math.log(200), requires_grad=True)
    scale = bounded_scale(log_scale)
    assert float(scale.detach()) == 100
    assert torch.autograd.grad(-scale, log_scale, retain_graph=True)[0] == 0
    assert torch.autograd.grad(scale, log_scale)[0] == 100


def test_below_the_bound_it_is_an_exponential():
    log_scale = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(bounded_scale, [log_scale])
