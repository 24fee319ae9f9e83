"""Time stepping."""

import pytest
import torch

from mpp.simulate.time_stepping import heun, march


def test_heun_is_of_second_order():
    start, errors = torch.ones(1, 1, dtype=torch.float64), []
    for steps in (16, 32):
        out = march(
            start,
            2,
            1.0,
            lambda q, n=steps: torch.full((1,), 1 / n, dtype=torch.float64),
            lambda q, h: heun(q, h, lambda q: -q),
        )
        errors.append(abs(out[0, 1, 0].item() - torch.tensor(-1.0).double().exp().item()))
    assert 1.8 < torch.log2(torch.tensor(errors[0] / errors[1])).item() < 2.2


def test_each_trajectory_takes_its_own_steps():
    taken = torch.zeros(2)

    def step(q, h):
        taken[q[:, 0].long()] += 1
        return q.clone()

    limits = torch.tensor([0.5, 0.1], dtype=torch.float64)
    march(torch.tensor([[0.0], [1.0]]), 2, 1.0, lambda q: limits[q[:, 0].long()], step)
    assert taken.tolist() == [2, 10]


def test_a_state_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match=r"blows up at time 0\.5"):
        march(torch.full((1, 1), torch.nan), 2, 0.5, lambda q: q[:, 0], lambda q, h: q)
