"""Output heads: from a region's decoded vector to logits over counts, linear in the vector."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

UNIT = 16.0  # unit of counts, so that p / q is of order one up to 511


class QuadraticHead(nn.Module):
    """Logits that are a parabola in the count, with learned height, vertex and sharpness.

    ``logit_k = exp(sigma) (u p - u^2 q / 2)`` with ``u = k / 16`` and ``(p, q) = W z + b``, so that
    the most likely count is ``16 p / q``: a ratio, which is what attention computes (Golkar et al.
    2024, equation 3). For given weights it is a linear map of ``z``, see :meth:`collapsed`.

    Args:
        dim: Width of the decoded vector.
        classes: Number of counts, 0 to ``classes`` - 1.
    """

    powers: Tensor

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__()
        self.ratio = nn.Linear(dim, 2)
        self.sigma = nn.Parameter(torch.tensor([2.0]))  # FSDP cannot shard scalars
        units = torch.arange(classes) / UNIT
        self.register_buffer("powers", torch.stack([units, -(units**2) / 2]), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start at the constant count 0: weight 0, p = 0, q = 1."""
        nn.init.zeros_(self.ratio.weight)
        self.ratio.bias.data = torch.tensor([0.0, 1.0])

    def forward(
        self, z: Float[Tensor, "batch regions dim"]
    ) -> Float[Tensor, "batch regions classes"]:
        return self.sigma.exp() * self.ratio(z) @ self.powers

    def collapsed(self) -> nn.Linear:
        """The equivalent single linear layer, which is the paper's head."""
        return _linear(
            self.sigma.exp() * self.powers.T @ self.ratio.weight,
            self.sigma.exp() * self.powers.T @ self.ratio.bias,
        )


class FreeHead(nn.Linear):
    """The paper's head: a linear layer.

    Args:
        dim: Width of the decoded vector.
        classes: Number of counts.
    """

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__(dim, classes)

    def collapsed(self) -> nn.Linear:
        """The head itself, as ``nn.Linear``."""
        return _linear(self.weight, self.bias)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], device=weight.device, dtype=weight.dtype)
    layer.load_state_dict({"weight": weight.detach(), "bias": bias.detach()})
    return layer
