"""Every function of the room finds what was set by hand: in xVal a copy, in AViT a stencil."""

import pytest
import torch
from hand_set import (
    BACK,
    COPY,
    KAPPA,
    LENGTH,
    NUM,
    OWN,
    READ,
    VALUE,
    copier,
    diffuser,
    fields,
    heat_step,
    neighbor_weights,
    texts,
)  # fmt: skip
from torch import nn

from sciformer.interpret.hooks import run_with_cache, run_with_hooks
from sciformer.interpret.logit_attribution import (
    CONSTANT,
    REST,
    attribute_logits,
    frozen,
    logit_lens,
    stream_parts,
    writers,
)  # fmt: skip
from sciformer.interpret.patching import ablate, hide, patch_each, steer
from sciformer.interpret.probes import linear_probe, shuffled_weights
from sciformer.interpret.token_kinds import attention_by_kind

HEAD = "encoder.blocks.0.attention"
SPACE = "blocks.0.spatial"
STREAM = ("blocks.0.in", "blocks.0.temporal.out", f"{SPACE}.out", "blocks.0.mlp_norm.out")
PERIODIC = torch.tensor([0]), ["periodic", "periodic"]
ROUND = {"atol": 1e-5}  # of the norms that only nearly divide by a constant: (1 / LARGE)^2


@pytest.fixture(scope="module", name="copies")
def a_head_that_copies():
    return copier(), *texts(64)


@pytest.fixture(scope="module", name="heat")
def a_stencil():
    return diffuser(), fields(16)


def test_what_was_set_by_hand_is_what_runs(copies, heat):
    model, tokens, numbers = copies
    _, values = model(tokens, numbers)
    assert torch.allclose(values[..., 0], numbers.roll(BACK, 1), **ROUND)
    network, frames = heat
    assert torch.allclose(network(frames, *PERIODIC), heat_step(frames), **ROUND)


def test_attention_by_kind_finds_the_copied_token_and_the_stencil(copies, heat):
    model, tokens, numbers = copies
    names = [f"{HEAD}.pattern", f"{HEAD}.value"]
    _, cache = run_with_cache(model, tokens, numbers, names_filter=names)
    places = torch.arange(LENGTH)
    back = (places[:, None] - places) % LENGTH  # how many tokens before the query
    found = attention_by_kind(*(cache[name] for name in names), back[None, None], LENGTH)
    assert torch.allclose(found.mass[..., BACK], found.mass.new_ones(()))
    assert torch.equal(found.number, torch.ones_like(found.number))
    copied = found.mean_value[:, 0, :, BACK, 0]
    assert torch.allclose(copied, numbers.roll(BACK, 1), **ROUND)
    network, frames = heat
    names = [f"{SPACE}.pattern", f"{SPACE}.value"]
    own, near = neighbor_weights()
    for again in ("", "[1]"):  # the axes, one after the other
        sites = [name + again for name in names]
        _, cache = run_with_cache(network, frames, *PERIODIC, names_filter=sites)
        far = (torch.arange(8) - torch.arange(8)[:, None]).remainder(8)
        mass = attention_by_kind(*(cache[site] for site in sites), far, 8).mass
        expected = torch.tensor([own, near, 0, 0, 0, 0, 0, near]).double()
        assert torch.allclose(mass, expected.expand_as(mass), **ROUND)


def test_a_kind_out_of_range_is_named():
    pattern, value = torch.rand(2, 3, 4), torch.rand(2, 4, 5)
    for bad in (2, -1):
        with pytest.raises(ValueError, match=f"^kind {bad} is none of 0 to 1$"):
            attention_by_kind(pattern, value, torch.full((4,), bad)[None], 2)


def test_direct_logit_attribution_gives_the_answer_to_what_wrote_it(copies, heat):
    model, tokens, numbers = copies
    parts = stream_parts(model, tokens, numbers, end="encoder.out")
    assert list(parts) == [*writers(model), REST]
    answers = attribute_logits(parts, lambda x: model.number_head(x)[..., 0])
    copied = answers.pop(f"{HEAD}.out")
    assert torch.allclose(copied, numbers.roll(BACK, 1), **ROUND)
    assert all(torch.allclose(x, x.new_zeros(()), atol=1e-9) for x in answers.values())
    network, frames = heat
    parts = stream_parts(network, frames, *PERIODIC, end="blocks.0.out", names=STREAM)
    answers = attribute_logits(parts, lambda x: x[:, -1] @ network.head.kernel[:, 0])
    own, near = neighbor_weights()
    u = parts["blocks.0.in"][:, -1, :, OWN]
    whole = sum(answers.values())
    step = heat_step(u.unflatten(1, (8, 8))[:, None])[:, :].flatten(1)
    assert torch.allclose(whole[..., 0], step, **ROUND)
    read = answers["blocks.0.in"][..., 0]
    assert torch.allclose(read, (1 - KAPPA * (2 * own / near + 4)) * u, **ROUND)
    assert torch.allclose(answers[f"{SPACE}.out"], whole - answers["blocks.0.in"], **ROUND)


def test_the_logit_lens_sees_the_answer_from_where_it_is_written(copies, heat):
    model, tokens, numbers = copies
    sites = ["encoder.blocks.0.in", "encoder.blocks.0.middle", "encoder.blocks.0.out"]
    seen = logit_lens(model, tokens, numbers, names=sites, read=model.number_head)
    assert list(seen) == sites
    assert torch.allclose(seen[sites[0]], numbers.new_zeros(()))
    for site in sites[1:]:
        assert torch.allclose(seen[site][..., 0], numbers.roll(BACK, 1), **ROUND)
    network, frames = heat
    read = lambda x: x[:, -1] @ network.head.kernel[:, 0]  # noqa: E731
    before, after = logit_lens(
        network, frames, *PERIODIC, names=["blocks.0.in", "blocks.0.out"], read=read
    ).values()
    assert (before - after).abs().max() > 0.1


def test_patching_moves_the_answer_only_by_what_the_head_reads(copies):
    model, tokens, numbers = copies
    other = numbers.roll(1, 0)
    fifth = (torch.arange(LENGTH) == 5)[:, None]
    names = [f"{HEAD}.value", f"{HEAD}.pattern", "encoder.blocks.0.mlp.out"]
    found = patch_each(model, [tokens, numbers], [tokens, other], names[:1], fifth)
    wanted = torch.where(fifth[:, 0], other, numbers).roll(BACK, 1)
    assert torch.allclose(found[names[0]][1][..., 0], wanted, **ROUND)
    for out in patch_each(model, [tokens, numbers], [tokens, other], names[1:]).values():
        assert torch.allclose(out[1][..., 0], numbers.roll(BACK, 1), **ROUND)


def test_one_patched_value_spreads_over_the_stencil(heat):
    network, frames = heat
    site = f"{SPACE}.value"
    clean = network(frames, *PERIODIC)
    size = (frames.var((1, 2, 3, 4)) ** 0.5)[:, None, None]  # what the network divides by
    bump = torch.zeros(8, 8).double()
    bump[3, 0] = 1.0  # at the fourth place of every line along the first axis, channel 0
    out = run_with_hooks(network, frames, *PERIODIC, fwd_hooks=[(site, steer(bump))])
    moved = (out - clean)[:, 0] / size
    own, near = neighbor_weights()
    expected = torch.zeros(8, 1).double()
    expected[2] = expected[4] = KAPPA
    expected[3] = KAPPA * own / near
    assert torch.allclose(moved, expected.expand_as(moved), **ROUND)


def test_hidden_and_ablated_sources_are_missed(copies):
    model, tokens, numbers = copies
    places = torch.arange(LENGTH)
    source = (places[:, None] - places) % LENGTH == BACK
    hooks = [(f"{HEAD}.scores", hide(source))]
    _, values = run_with_hooks(model, tokens, numbers, fwd_hooks=hooks)
    rest = (numbers.sum(1, keepdim=True) - numbers.roll(BACK, 1)) / (LENGTH - 1)
    assert torch.allclose(values[..., 0], rest, **ROUND)
    _, values = run_with_hooks(
        model, tokens, numbers, fwd_hooks=[(f"{HEAD}.z", ablate(mean=False))]
    )
    assert values.abs().max() < 1e-9


def test_a_dose_along_the_direction_of_the_answer_moves_it_in_proportion(copies):
    model, tokens, numbers = copies
    direction = torch.zeros(model.embedding.tokens.weight.shape[1]).double()
    direction[COPY] = 0.5
    direction[COPY + 1] = -0.5
    for dose in (-2.0, 0.0, 3.0):
        hooks = [("encoder.blocks.0.middle", steer(direction, dose))]
        _, values = run_with_hooks(model, tokens, numbers, fwd_hooks=hooks)
        assert torch.allclose(
            values[..., 0] - numbers.roll(BACK, 1), numbers.new_tensor(dose / 2), **ROUND
        )


def test_a_probe_finds_the_number_where_it_was_copied_to_and_not_before(copies):
    model, tokens, numbers = copies
    sites = ["encoder.blocks.0.in", "encoder.blocks.0.middle"]
    tokens, numbers = texts(600, seed=1)
    _, cache = run_with_cache(model, tokens, numbers, names_filter=sites)
    _, blind = run_with_cache(shuffled_weights(model), tokens, numbers, names_filter=sites[1:])
    target = numbers[:, 7 - BACK]
    before = linear_probe(cache[sites[0]][:, 7], target)
    after = linear_probe(cache[sites[1]][:, 7], target, random=blind[sites[1]][:, 7])
    assert before.score < 0.1
    assert after.score > 0.999
    assert max(after.shuffled, after.random) < 0.1
    assert after.selectivity > 0.9
    assert torch.allclose(after(cache[sites[1]][:, 7])[:, 0], target, atol=1e-3)
    own = linear_probe(cache[sites[0]][:, 7], numbers[:, 7])
    assert own.score > 0.999
    assert own.weight[VALUE : VALUE + 2].abs().min() > 0


def test_a_probe_finds_the_laplacian_after_the_stencil_and_not_before(heat):
    network, _ = heat
    frames = fields(40, seed=2)
    sites = ["blocks.0.in", "blocks.0.out"]
    _, cache = run_with_cache(network, frames, *PERIODIC, names_filter=sites)
    size = frames.var((1, 2, 3, 4), keepdim=True) ** 0.5
    target = ((heat_step(frames) - frames[:, 0]) / size[:, 0]).flatten()
    before, after = (linear_probe(cache[site].flatten(0, -2), target) for site in sites)
    assert before.score < 0.9  # the Laplacian leans on the point itself
    assert after.score > 0.999
    assert after.shuffled < 0.05
    assert after.weight[READ].abs() > 0


def test_a_probe_of_classes_scores_accuracy():
    draw = torch.Generator().manual_seed(0)
    classes = torch.randint(3, (600,), generator=draw)
    x = torch.eye(3)[classes] + 0.1 * torch.randn(600, 3, generator=draw)
    probe = linear_probe(x, classes)
    assert probe.score > 0.99
    assert abs(probe.shuffled - 1 / 3) < 0.1
    assert abs(probe.random - 1 / 3) < 0.1
    assert probe(x).argmax(1).eq(classes).double().mean() > 0.99


@pytest.mark.parametrize(
    ("rows", "targets", "held_out", "words"),
    [
        (4, torch.zeros(5), 0.5, "rows"),
        (5, torch.zeros(5), 0.5, "constant"),
        (5, torch.tensor([0.0, 1, 2, 3, float("nan")]), 0.5, "not finite"),
        (5, torch.arange(5), 1.0, "too few"),
        (5, torch.arange(5) - 1, 0.5, "class -1"),
    ],
)
def test_what_cannot_be_probed_is_named(rows, targets, held_out, words):
    with pytest.raises(ValueError, match=words):
        linear_probe(torch.rand(rows, 3), targets, held_out=held_out)


def test_a_frozen_norm_is_the_norm_and_affine():
    norm, x = nn.LayerNorm(6).double(), torch.randn(4, 6).double()
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    same = frozen(norm, x)
    assert torch.allclose(same(x), norm(x))
    assert torch.allclose(same(3 * x) - same(x), same(2 * x) - same(0 * x))
    answers = attribute_logits({"a": x / 4, "b": 3 * x / 4}, same)
    assert torch.allclose(sum(answers.values()), norm(x))
    assert torch.allclose(answers[CONSTANT], norm.bias.expand_as(x))


def test_networks_without_blocks_and_sites_of_another_size_are_named(copies):
    model, tokens, numbers = copies
    with pytest.raises(ValueError, match="Linear has no TransformerBlock"):
        writers(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="is not the stream's"):
        stream_parts(model, tokens, numbers, end="encoder.out", names=["number_head.out"])
    assert model.token_head[-1].out_features > NUM
