"""What every project's LightningModule does, in one table."""

import math
import re
import sys
from itertools import product
from pathlib import Path

import pytest
import torch

from contextual_counting.data.datamodule import CountingData
from contextual_counting.module import CountingModule
from sciformer.arguments import with_tables

sys.path += [str(Path(__file__).parent / name) for name in ("astroclip", "mpp", "xval")]
import astroclip_small
import mpp_small
import xval_small

RATES = {"matrices": 0.02, "others": 0.002, "head": 0.03, "sigma": 0.01, "warmup": 50, "power": 1.0}
WRONG = [  # project, options, message
    ("astroclip", {"lr": 0.0}, "lr: 0.0 is not above 0"),
    ("astroclip", {"chunk": -1}, "chunk: -1 is not above 0"),
    ("astroclip", {"reconstruction": -1.0}, "reconstruction: -1.0 is below 0"),
    ("astroclip", {"photometry": False, "apertures": 0, "image_depth": 0}, "has no input"),
    ("astroclip", {"objective": "image", "image_depth": 0}, "without a vision transformer"),
    ("astroclip", {"patch": 7}, "patch: 7 does not divide size 16"),
    ("astroclip", {"cache": "x"}, "cache: only for frozen"),
    ("contextual_counting", {"heads": 5}, "heads: 5 does not divide dim=64"),
    ("contextual_counting", {"heads": 0}, "heads: 0 "),
    ("contextual_counting", {"dim": 0}, "dim: 0 "),
    ("contextual_counting", {"dilution": 0.5}, "dilution: 0.5 "),
    ("contextual_counting", {"fewer": 1.5}, "fewer: 1.5 "),
    ("contextual_counting", {"dilution": 8.0, "positions": "rotary"}, "dilution: 8.0"),
    ("contextual_counting", {"classes": 0}, "classes: 0 "),
    ("contextual_counting", {"positions": "rotary", "dim": 3}, "3"),
    ("contextual_counting", {"rates": [RATES | {"warmup": -1}]}, "rates[0].warmup: -1 "),
    ("contextual_counting", {"length": 0}, "length: 0 "),
    ("contextual_counting", {"slope": math.nan, "positions": "alibi"}, "slope: nan "),
    ("contextual_counting", {"rates": [RATES, RATES], "steps": [1, 2, 3]}, "2 entries for 3 "),
    ("mpp", {"lr": 0.0}, "lr: 0.0 is not above 0"),
    ("mpp", {"lr": math.inf}, "lr: inf is not above 0 and finite"),
    ("mpp", {"pretrained_rate": -1.0}, "pretrained_rate: -1.0 is not above 0"),
    ("mpp", {"weight_decay": math.nan}, "weight_decay: nan is below 0 or not finite"),
    ("mpp", {"like": {"height": "mass"}}, "no network is given to start from"),
    ("mpp", {"size": "XL"}, "size: 'XL' is none of"),
    ("mpp", {"size": [16, 0, 2]}, "size: [16, 0, 2]: one is below 1"),
    ("mpp", {"patch": []}, "patch: [] is no list of strides"),
    ("mpp", {"drop_path": 1.0}, "drop_path: 1.0 is not in"),
    ("mpp", {"layer_scale": math.nan}, "layer_scale: nan is not finite"),
    ("xval", {"lr": 0.0}, "lr: 0.0 is not above 0"),
    ("xval", {"steps": 0}, "steps: 0 is not above 0"),
    ("xval", {"number_weight": -1.0}, "number_weight: -1.0 is below 0"),
    ("xval", {"transform": "cube"}, "transform: 'cube' is none of linear"),
    ("xval", {"transform": {"a": "cube"}}, "transform: 'cube' is none of linear"),
    ("xval", {"heads": 3}, "heads: 3 does not divide dim=16"),
    ("xval", {"encoding": {"name": "p3"}}, "encoding: 'p3' is none of"),
]
TRAINED = [  # project, options of data, options of the module
    ("astroclip", {}, {"loss": "siglip", "reconstruction": 0.5}),
    ("mpp", {}, {"size": [16, 2, 2], "patch": [4, 2]}),
    *(
        ("contextual_counting", {}, {"positions": positions, "begin": begin, "mlp": mlp})
        for positions, begin, mlp in product(
            ("none", "rotary", "learned", "alibi"), (True, False), (True, False)
        )
    ),
    *(
        ("xval", {"encoding": encoding}, options)
        for encoding, options in product(
            ("p1000", "xval"), ({}, {"causal": True}, {"scales": [1.0, 8.0]})
        )
    ),
]


def counting(**options):
    return CountingModule(**with_tables(CountingModule, options))


def mpp(**options):
    return mpp_small.module(["height", "velocity_x", "velocity_y", *"ab"], **options)


def xval(**options):
    return xval_small.built(**{"encoding": {"name": "xval"}, **xval_small.NETWORK, **options})


BUILT = {
    "astroclip": astroclip_small.module,
    "contextual_counting": counting,
    "mpp": mpp,
    "xval": xval,
}


@pytest.mark.parametrize(("name", "options", "message"), WRONG)
def test_what_cannot_work_is_named(name, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        BUILT[name](**options)


def astroclip_loss(given, options):
    batch = astroclip_small.data(**given).dataset("train").pool.batch(slice(0, 4))
    own = astroclip_small.module(**options)
    return own, own.learning(batch, torch.Generator(), 0.0)["loss"]


def counting_loss(given, options):
    own = counting(head="free", classes=40, length=60, **options)
    tokens = CountingData(length=60, regions=3, batch_size=3, **given).draw(0).tokens
    logits = own(tokens, 3)
    assert logits.shape == (3, 3, 40)
    return own, logits.square().sum()


def mpp_loss(given, options):
    data = mpp_small.data(**given)
    own = mpp_small.module(data.fields, **options)
    return own, own.loss(mpp_small.batch(data))


def xval_loss(given, options):
    data = xval_small.data(**given)
    own = xval_small.module(data, **options)
    found = own.losses(xval_small.batch(data))
    return own, found.token_sum + found.number_sum


LOSSES = {
    "astroclip": astroclip_loss,
    "contextual_counting": counting_loss,
    "mpp": mpp_loss,
    "xval": xval_loss,
}


@mpp_small.quiet
@pytest.mark.parametrize(("name", "given", "options"), TRAINED)
def test_every_parameter_gets_a_gradient_so_that_no_strategy_has_to_search(name, given, options):
    """Dossier of mpp, B12: 41 parameters of the original that no step uses."""
    own, loss = LOSSES[name](given, options)
    loss.backward()
    assert [key for key, p in own.named_parameters() if p.requires_grad and p.grad is None] == []
