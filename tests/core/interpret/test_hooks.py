import sys
from pathlib import Path

import pytest
import torch

from astroclip.nn.spectrum_encoder import SpectrumEncoder
from contextual_counting.nn.model import CountingTransformer
from sciformer.interpret.hooks import hooks, run_with_cache, run_with_hooks
from sciformer.nn import attention
from sciformer.nn.encoder import Encoder
from sciformer.nn.pooling import AttentionPooling
from xval.nn.model import XVal

sys.path.append(str(Path(__file__).parents[2] / "mpp"))
import small_avit  # pytest's importlib mode finds nothing beside a test

SUMS = {"atol": 1e-9}  # of double precision, in another order


def counting(**options):
    options = {"head": "free", "uniform": False, "classes": 40, "length": 40} | options
    return CountingTransformer(**options), (torch.randint(0, 4, (3, 40)), 3)


def words():
    tokens = torch.randint(0, 9, (2, 12))
    return XVal(9, 16, 2, 2, length=12), (tokens, torch.rand(2, 12).double(), tokens != 3)


def physics():
    frames = small_avit.draw(2, 3, 2, 8, 8).double()
    return small_avit.make(), (frames, small_avit.FIELDS, ["periodic", "wall"])


def spectra():
    return SpectrumEncoder(32, 2, 16, 2), (torch.rand(2, 7781).double(), torch.ones(2, 7781))


NETWORKS = {
    **{
        f"counting {positions} {causal}": lambda p=positions, c=causal: counting(
            positions=p, causal=c, heads=4, mlp=c
        )
        for positions in ("none", "rotary", "learned", "alibi")
        for causal in (True, False)
    },
    "xval": words,
    "mpp": physics,
    "astroclip": spectra,
}


def built(name):
    torch.manual_seed(0)
    model, inputs = NETWORKS[name]()
    return model.double().eval(), inputs


def flat(out):
    parts = out if isinstance(out, tuple) else (out,)
    return torch.cat([part.flatten() for part in parts if isinstance(part, torch.Tensor)])


@pytest.mark.parametrize("name", NETWORKS)
def test_step_by_step_the_answer_is_that_of_a_forward(name):
    model, inputs = built(name)
    out, cache = run_with_cache(model, *inputs)
    assert torch.allclose(flat(out), flat(model(*inputs)), **SUMS)
    patterns = [x for site, x in cache.items() if ".pattern" in site]
    assert patterns
    assert all(torch.allclose(x.sum(-1), x.new_ones(()), **SUMS) for x in patterns)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_hook_that_changes_nothing_changes_nothing_and_another_one_does(name):
    model, inputs = built(name)
    before, cache = run_with_cache(model, *inputs)
    ends = [site for site in cache if site.endswith((".z", "middle", ".query", "mlp.out"))]
    for site in ends:
        for same in (lambda x, hook: x, lambda x, hook: None):
            after = run_with_hooks(model, *inputs, fwd_hooks=[(site, same)])
            assert torch.allclose(flat(after), flat(before), **SUMS)
        bent = run_with_hooks(model, *inputs, fwd_hooks=[(site, lambda x, hook: x.roll(1, -1))])
        assert not torch.allclose(flat(bent), flat(before), atol=1e-7), site


@pytest.mark.parametrize("name", NETWORKS)
def test_what_one_run_found_can_be_put_into_another(name):
    model, inputs = built(name)
    end = {"mpp": "blocks.1.out", "astroclip": "tokens.out"}.get(name, "encoder.out")
    wanted, cache = run_with_cache(model, *inputs, names_filter=end)
    other = (inputs[0].roll(1, 0), *inputs[1:])
    with hooks(model, [(end, lambda x, hook: cache[hook.name])]):
        after = model(*other)
    whole = end == "encoder.out"  # else something of the input goes around it
    assert torch.allclose(flat(after), flat(wanted), **SUMS) == whole
    assert not torch.allclose(flat(model(*other)), flat(after), atol=1e-7)


def test_patterns_are_those_that_the_modules_give_for_pictures():
    model, inputs = built("counting alibi True")
    block, pooling = model.encoder.block, model.decoder.attention
    _, cache = run_with_cache(model, *inputs)
    seen = block.attention.weights(block.attention_norm(cache["encoder.block.in"]))
    assert torch.allclose(cache["encoder.block.attention.pattern"], seen, **SUMS)
    asked = pooling.weights(model.encoder(inputs[0]), queries=3)
    assert torch.allclose(cache["decoder.attention.pattern"], asked, **SUMS)


def test_what_is_computed_again_is_numbered():
    model, inputs = built("mpp")
    _, cache = run_with_cache(model, *inputs, names_filter=lambda name: ".scores" in name)
    axes = ["blocks.0.spatial.scores", "blocks.0.spatial.scores[1]"]
    assert [name for name in cache if name.startswith("blocks.0.spatial")] == axes
    _, again = run_with_cache(model, *inputs, names_filter=axes[1])
    assert list(again) == axes[1:]
    assert torch.allclose(again[axes[1]], cache[axes[1]], **SUMS)


def test_gradients_flow_through_what_is_kept_and_what_is_put():
    model, inputs = built("xval")
    out, cache = run_with_cache(model, *inputs, names_filter="encoder.blocks.0.middle")
    kept = cache["encoder.blocks.0.middle"]
    kept.retain_grad()
    flat(out).sum().backward()
    assert kept.grad.abs().max() > 0
    gain = torch.ones((), requires_grad=True, dtype=torch.float64)
    scaled = [("encoder.blocks.1.attention.z", lambda x, hook: gain * x)]
    flat(run_with_hooks(model, *inputs, fwd_hooks=scaled)).sum().backward()
    assert gain.grad.abs() > 0


def test_attention_that_is_not_looked_at_is_computed_as_always(monkeypatch):
    model, inputs = built("xval")
    monkeypatch.setattr(attention, "written_out", lambda *_: pytest.fail("written out"))
    out, _ = run_with_cache(model, *inputs, names_filter=["encoder.blocks.0.out"])
    assert torch.equal(flat(out), flat(model(*inputs)))


def test_hooks_are_gone_afterwards_also_after_an_error():
    model, inputs = built("xval")
    before = flat(model(*inputs))
    with pytest.raises(ZeroDivisionError):
        run_with_hooks(model, *inputs, fwd_hooks=[("encoder.out", lambda x, hook: 1 / 0)])
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert torch.equal(flat(model(*inputs)), before)


@pytest.mark.parametrize("name", ["decoder.z", "encoder.blocks.7.out"])
def test_a_site_that_is_not_there_is_named(name):
    model, inputs = built("xval")
    with pytest.raises(ValueError, match=rf"site '{name}' is none of encoder\."):
        run_with_cache(model, *inputs, names_filter=name)


def test_a_query_that_sees_nothing_has_no_weights():
    torch.manual_seed(0)
    pooling = AttentionPooling(8, 2, 3).double()
    x, mask = torch.rand(2, 5, 8).double(), torch.tensor([[True] * 5, [False] * 5])
    out, cache = run_with_cache(pooling, x, mask)
    assert cache["pattern"][1].abs().max() == 0
    assert torch.allclose(out, pooling(x, mask), **SUMS)


def test_a_head_set_by_hand_to_look_one_token_back_is_seen_to_do_so():
    dim, time = 8, 6
    model = Encoder(dim, 1, 1, causal=True).double()
    layer, block = model.blocks[0].attention, model.blocks[0]
    block.attention_norm = torch.nn.Identity()
    places = torch.eye(dim).double()  # token t is the t-th unit vector
    with torch.no_grad():
        for part in (layer.query, layer.key):
            part.weight.zero_()
            part.bias.zero_()
        layer.key.weight.copy_(200 * places)
        layer.query.weight.copy_(places.roll(-1, 0))  # t asks for t - 1
    site = "blocks.0.attention.pattern"
    _, cache = run_with_cache(model, places[None, :time], names_filter=site)
    assert torch.allclose(cache[site][0, 0, 1:, :-1], torch.eye(time - 1).double())
