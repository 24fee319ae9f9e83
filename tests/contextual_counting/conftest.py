"""Networks whose circuit is known: weights set by hand, one for each bias."""

import pytest

from contextual_counting.circuit import BIASES
from contextual_counting.data import CountingData
from contextual_counting.oracle import build


@pytest.fixture(scope="session")
def oracles():
    return {bias: build(bias).model for bias in BIASES}


@pytest.fixture(scope="session")
def data():
    return CountingData()
