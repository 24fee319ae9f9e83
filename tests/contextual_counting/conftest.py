"""Networks whose circuit is known: weights set by hand, one for each bias."""

import pytest

from contextual_counting.data.datamodule import CountingData
from contextual_counting.evaluation.oracle import build
from contextual_counting.nn.constructed_weights import BIASES


@pytest.fixture(scope="session")
def oracles():
    return {bias: build(bias).model for bias in BIASES}


@pytest.fixture(scope="session")
def data():
    return CountingData()
