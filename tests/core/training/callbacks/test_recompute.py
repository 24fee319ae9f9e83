import torch

from sciformer.nn.encoder import Encoder
from sciformer.training.callbacks.recompute import recompute


def gradients(network, x):
    """Of the parameters, and the bytes that the forward kept for the backward."""
    kept = 0

    def keep(tensor):
        nonlocal kept
        kept += tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = network(x).square().mean()
    return torch.autograd.grad(loss, list(network.parameters())), kept


def test_gradients_are_the_same_and_much_less_is_kept():
    torch.manual_seed(0)
    network, x = Encoder(dim=32, depth=3, heads=4), torch.randn(2, 50, 32)
    names = list(network.state_dict())
    plain, much = gradients(network, x)
    recompute(network)
    again, little = gradients(network, x)
    for ours, theirs in zip(again, plain, strict=True):
        assert (ours - theirs).abs().max() <= 1e-6 * theirs.abs().max()
    assert little < much / 5
    assert list(network.state_dict()) == names


def test_a_block_is_wrapped_once():
    network = Encoder(dim=8, depth=1, heads=2)
    recompute(network)
    first = network.blocks[0].forward
    recompute(network)
    assert network.blocks[0].forward is first
