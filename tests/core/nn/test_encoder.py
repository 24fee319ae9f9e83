import pytest
import torch

from sciformer.nn.block import TransformerBlock
from sciformer.nn.encoder import Encoder
from sciformer.nn.position import Alibi, Rotary

OPTIONS = {
    "causal": True,
    "mlp_ratio": 1.5,
    "qk_norm": True,
    "rotary": Rotary(4),
    "alibi": Alibi([0.5, 0.25]),
    "activation": "gelu_tanh",
}


def encoder_of(depth=3, **options):
    """In float64: what is equal in exact arithmetic is equal to 1e-12."""
    torch.manual_seed(0)
    return Encoder(8, depth, 2, **options).double()


def tokens(time=6, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, time, 8, generator=generator, dtype=torch.float64)


def test_an_encoder_is_its_blocks_and_a_norm():
    encoder, x = encoder_of(), tokens()
    first, second, third = encoder.blocks
    assert torch.equal(encoder(x), encoder.norm(third(second(first(x)))))


class Doubled(TransformerBlock):
    def forward(self, x, mask=None):
        return super().forward(2 * x, mask)


def test_an_encoder_is_made_of_blocks_of_one_s_own():
    own, x = encoder_of(block=Doubled, qk_norm=True), tokens()
    plain = encoder_of(qk_norm=True)
    assert {type(block) for block in own.blocks} == {Doubled}
    assert own.state_dict().keys() == plain.state_dict().keys()
    first, second, third = plain.blocks
    assert torch.equal(own(x), plain.norm(third(2 * second(2 * first(2 * x)))))


def test_an_encoder_can_do_without_its_norm():
    encoder, x = encoder_of(final_norm=False), tokens()
    first, second, third = encoder.blocks
    assert torch.equal(encoder(x), third(second(first(x))))


def test_the_blocks_have_parameters_of_their_own():
    first, second, third = (block.mlp.up.weight for block in encoder_of().blocks)
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_reaches_every_block(name):
    option = {name: OPTIONS[name]}
    encoder, x = encoder_of(**option), tokens()
    block = TransformerBlock(8, 2, **option).double()
    for own in encoder.blocks:
        block.load_state_dict(own.state_dict())
        assert torch.equal(own(x), block(x))


def test_the_mask_reaches_every_block():
    encoder, x = encoder_of(), tokens()
    padded = torch.cat([x, 100 * tokens(time=4, seed=2)], 1)
    mask = (torch.arange(10) < 6).expand(2, 1, 10)
    assert (encoder(padded, mask)[:, :6] - encoder(x)).abs().max() < 1e-12


def test_a_causal_encoder_does_not_see_the_future():
    encoder, x = encoder_of(**OPTIONS), tokens()
    changed = torch.cat([x[:, :3], tokens(seed=2)[:, 3:]], 1)
    assert (encoder(x)[:, :3] - encoder(changed)[:, :3]).abs().max() < 1e-12


def test_every_parameter_of_an_encoder_gets_a_gradient():
    encoder = encoder_of(**OPTIONS)
    encoder(tokens()).pow(3).sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in encoder.parameters())


def test_the_keys_of_an_encoder():
    expected = [
        f"blocks.{i}.{key}" for i in range(3) for key in encoder_of().blocks[i].state_dict()
    ]
    assert list(encoder_of(**OPTIONS | {"qk_norm": False}).state_dict()) == [
        *expected,
        "norm.weight",
        "norm.bias",
    ]
