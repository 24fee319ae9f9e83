import pytest
import torch

from contextual_counting.nn.hooks import SITES, read_out, run_with_cache, run_with_hooks
from contextual_counting.nn.model import CountingTransformer


def tokens(samples=3, length=40, seed=0):
    return torch.randint(0, 4, (samples, length), generator=torch.Generator().manual_seed(seed))


def network(**options):
    torch.manual_seed(0)
    options = {"head": "free", "uniform": False, "classes": 40, "length": 40} | options
    return CountingTransformer(**options).double()


@pytest.mark.parametrize("positions", ["none", "rotary", "learned", "alibi"])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("heads", "mlp"), [(1, False), (4, True)])
def test_step_by_step_the_answer_is_that_of_a_forward(positions, causal, heads, mlp):
    model = network(positions=positions, causal=causal, heads=heads, mlp=mlp)
    logits, cache = run_with_cache(model, tokens(), 3)
    assert list(cache) == list(SITES)
    assert torch.allclose(logits, model(tokens(), 3), atol=1e-9)
    few, _ = run_with_cache(model, tokens(), 3, ["decoder.cross.z"])
    assert torch.allclose(few, logits, atol=1e-9)


def test_patterns_are_those_that_the_modules_give_for_pictures():
    model = network(positions="alibi")
    _, cache = run_with_cache(model, tokens(), 3)
    x = model.encoder.block.attention_norm(cache["encoder.tokens"])
    seen = model.encoder.block.attention.weights(x)
    assert torch.allclose(cache["encoder.attention.pattern"], seen, atol=1e-9)
    asked = model.decoder.attention.weights(model.encoder(tokens()), queries=3)
    assert torch.allclose(cache["decoder.cross.pattern"], asked, atol=1e-9)


@pytest.mark.parametrize("site", SITES)
def test_a_hook_that_changes_nothing_changes_nothing_and_another_one_does(site):
    model = network(positions="rotary")
    before = model(tokens(), 3)
    same = run_with_hooks(model, tokens(), 3, {site: lambda found: found})
    assert torch.allclose(same, before, atol=1e-9)
    other = run_with_hooks(model, tokens(), 3, {site: lambda found: found * 1.5})
    assert not torch.allclose(other, before, atol=1e-6)


def test_what_one_run_found_can_be_put_into_another():
    model = network()
    logits, cache = run_with_cache(model, tokens(seed=1), 3)
    put = run_with_hooks(model, tokens(), 3, {"encoder.out": lambda _: cache["encoder.out"]})
    assert torch.allclose(put, logits, atol=1e-9)


def test_attended_values_are_read_out_as_they_are_in_a_forward():
    model = network(heads=4, mlp=True)
    logits, cache = run_with_cache(model, tokens(), 3)
    assert torch.allclose(read_out(model.decoder, cache["decoder.cross.z"]), logits, atol=1e-9)


def test_a_site_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"site 'decoder\.z' is none of encoder\.tokens"):
        run_with_hooks(network(), tokens(), 3, {"decoder.z": lambda found: found})
