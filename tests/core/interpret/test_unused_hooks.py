"""Named sites cost nothing where nobody looks: the same operations, graph and bits."""

import timeit

import pytest
import torch
from hand_set import copier, diffuser, fields, texts
from torch.utils._python_dispatch import TorchDispatchMode

from contextual_counting.nn.model import CountingTransformer
from sciformer.interpret.hooks import run_with_cache
from sciformer.nn import block, sites
from sciformer.nn.block import TransformerBlock


class Recorded(TorchDispatchMode):
    """Operations in the order of their dispatch."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


def nodes(out):
    """Names of the autograd graph, depth first."""
    found, waiting = [], [out.grad_fn]
    while waiting:
        node = waiting.pop()
        found.append(type(node).__name__)
        waiting += [parent for parent, _ in node.next_functions if parent is not None]
    return found


def counting():
    torch.manual_seed(0)
    return CountingTransformer(classes=40), (torch.randint(0, 4, (3, 40)), 3)


NETWORKS = {
    "counting": counting,
    "xval": lambda: (copier(), texts(2)),
    "mpp": lambda: (diffuser(), (fields(2), torch.tensor([0]), ["periodic", "periodic"])),
}


def traced(model, inputs):
    model.requires_grad_(True)
    with Recorded() as seen:
        out = model(*inputs)
    out = out[-1] if isinstance(out, tuple) else out
    return seen.names, nodes(out), out


@pytest.mark.parametrize("name", NETWORKS)
def test_without_a_watcher_operations_and_graph_are_those_without_sites(name, monkeypatch):
    model, inputs = NETWORKS[name]()
    model(*inputs)  # fills caches of positions
    operations, graph, out = traced(model, inputs)
    run_with_cache(model, *inputs)  # leaves nothing behind
    assert traced(model, inputs)[:2] == (operations, graph)
    monkeypatch.setattr(block, "site", lambda name, x: x)
    again = traced(model, inputs)
    assert again[:2] == (operations, graph)
    assert torch.equal(again[2], out)


def test_a_site_that_nobody_looks_at_takes_less_than_one_percent_of_a_small_block():
    model, x = TransformerBlock(64, 1, causal=True).eval(), torch.rand(4, 64, 64)
    with torch.no_grad():
        step = min(timeit.repeat(lambda: model(x), number=20, repeat=7)) / 20
    idle = min(timeit.repeat(lambda: sites.site("middle", x), number=2000, repeat=7)) / 2000
    idle += min(timeit.repeat(lambda: bool(sites.WATCHERS), number=2000, repeat=7)) / 2000
    assert idle < 0.01 * step
