from itertools import chain

import pytest

from sciformer.data.splits import shares_of, split_by_id


def test_a_split_has_the_shares_asked_for():
    split = split_by_id(range(20_000), {"train": 0.8, "val": 0.1, "test": 0.1})
    assert sorted(chain(*split.values())) == list(range(20_000))
    # 5 standard deviations of a binomial count
    assert abs(len(split["train"]) - 16_000) < 5 * 57
    assert abs(len(split["val"]) - 2_000) < 5 * 42


def test_new_samples_and_another_order_never_move_an_old_one():
    shares = {"train": 0.7, "val": 0.3}
    ids = [f"galaxy-{i}" for i in range(200)]
    more = [f"new-{i}" for i in range(50)] + ids[::-1]
    before, after = split_by_id(ids, shares, seed=1), split_by_id(more, shares, seed=1)
    for name in shares:
        old = {ids[i] for i in before[name]}
        assert old == {more[i] for i in after[name]} & set(ids)
    assert before != split_by_id(ids, shares, seed=2)
    assert before == split_by_id(ids, dict(reversed(shares.items())), seed=1)


@pytest.mark.parametrize("fractions", [{"train": 0.8}, {"train": 1.2, "val": -0.2}, {}])
def test_fractions_that_are_not_shares_of_one_are_refused(fractions):
    with pytest.raises(ValueError, match="not shares of 1"):
        split_by_id(["a"], fractions)


@pytest.mark.parametrize("splits", [{"train": 1.0}, {"train": 0.8, "val": 0.1, "test": "x"}])
def test_splits_that_are_not_shares_of_one_are_refused_by_their_option(splits):
    with pytest.raises(ValueError, match=r"^splits: "):
        shares_of(splits)
