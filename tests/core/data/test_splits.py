import json
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sciformer.data.splits import (
    DRAWN,
    SHARES,
    counts,
    given_splits,
    resumed_splits,
    shares_of,
    split_as_given,
    split_by_id,
    split_name,
)


@st.composite
def shares(draw):
    """Any shares of train, val and test, some of them 0 or tiny."""
    part = st.just(0.0) | st.floats(1e-9, 1.0)
    parts = draw(st.tuples(part, part, part).filter(any))
    return dict(zip(SHARES, (part / sum(parts) for part in parts), strict=True))


@given(st.integers(3, 100), shares(), st.integers(0, 99))
@settings(max_examples=200, deadline=None)
def test_every_share_above_0_gets_samples_and_as_near_to_it_as_can_be(size, asked, seed):
    ids = [f"run{seed}.h5/{number}" for number in range(size)]
    split = split_by_id(ids, asked)
    assert sorted(chain(*split.values())) == list(range(size))
    sizes = {name: len(places) for name, places in split.items()}
    assert all((sizes[name] > 0) == (asked[name] > 0) for name in SHARES)

    def far(found):
        return sum((found[name] - size * asked[name]) ** 2 for name in SHARES)

    for one in SHARES:
        for other in SHARES:  # no move of a sample is an improvement
            moved = sizes | {one: sizes[one] - 1} | {other: sizes[other] + 1 - (one == other)}
            if moved[one] > 0 and asked[other] > 0 and one != other:
                assert far(moved) >= far(sizes) - 1e-6  # rounding of size * share


@given(st.integers(3, 100), shares(), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_split_of_a_sample_does_not_depend_on_the_order(size, asked, random):
    ids = list(range(size))
    mixed = random.sample(ids, size)
    before, after = split_by_id(ids, asked), split_by_id(mixed, asked)
    assert all({mixed[place] for place in after[name]} == set(before[name]) for name in asked)
    assert before == split_by_id(ids, dict(reversed(asked.items())))


@given(st.integers(3, 100), shares())
@settings(max_examples=50, deadline=None)
def test_one_more_sample_moves_few_others(size, asked):
    ids = [f"galaxy-{number}" for number in range(size + 1)]
    before, after = split_by_id(ids[:-1], asked), split_by_id(ids, asked)
    moved = sum(len(set(before[name]) - set(after[name])) for name in asked)
    assert moved <= 4  # each of two cuts moves by one rank, and by one more for the new sample


def test_samples_of_one_id_stay_together_and_other_seeds_split_otherwise():
    ids = [f"run {number // 5}" for number in range(100)]
    split = split_by_id(ids, SHARES)
    assert {name: len(places) for name, places in split.items()} == {
        "train": 80,
        "val": 10,
        "test": 10,
    }
    groups = [{ids[place] for place in places} for places in split.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 20
    assert split != split_by_id(ids, SHARES, seed=1)


def test_too_few_samples_are_refused_with_their_number_and_the_shares():
    with pytest.raises(ValueError, match=r"2 are too few for .*train 0.8, val 0.1, test 0.1"):
        split_by_id(["a", "b", "b"], SHARES)
    assert split_by_id(["a", "b"], {"train": 0.5, "val": 0.5, "test": 0.0})["test"] == []


def test_counts_have_a_least_size():
    assert counts(10, SHARES) == {"train": 8, "val": 1, "test": 1}
    least = {"train": 1, "val": 3, "test": 4}
    assert counts(10, SHARES, least) == {"train": 3, "val": 3, "test": 4}
    with pytest.raises(ValueError, match="7 are too few"):
        counts(7, SHARES, least)


def test_older_runs_are_split_as_they_were():
    """Each id drew its own split, whatever became of their number."""
    ids = [f"cns.h5/{number}" for number in range(12)]
    split = split_by_id(ids, SHARES | {DRAWN: 1.0})
    assert split == {"test": [1, 9], "train": [2, 3, 4, 5, 6, 7, 8, 10, 11], "val": [0]}


@pytest.mark.parametrize("fractions", [{"train": 0.8}, {"train": 1.2, "val": -0.2}, {}])
def test_fractions_that_are_not_shares_of_one_are_refused(fractions):
    with pytest.raises(ValueError, match="not shares of 1"):
        split_by_id(["a"], fractions)


@pytest.mark.parametrize(
    "splits",
    [{"train": 1.0}, {"train": 0.8, "val": 0.1, "test": "x"}, {**SHARES, "ood": 0.0}],
)
def test_splits_that_are_not_shares_of_one_are_refused_by_their_option(splits):
    with pytest.raises(ValueError, match=r"^splits: "):
        shares_of(splits)


def test_a_split_that_the_data_give_is_used_whatever_its_case():
    words = ["train", "Train", "VALID", "validation", " test", "training"]
    found = split_as_given(range(6), words, SHARES)
    assert found == {"train": [0, 1, 5], "val": [2, 3], "test": [4]}
    none = {"train": 0.9, "val": 0.1, "test": 0.0}
    assert split_as_given(range(6), words, none) == {"train": [0, 1, 5], "val": [2, 3], "test": []}
    assert split_name("Val") == "val"


def test_a_split_that_the_data_lack_is_taken_out_of_their_training():
    ids = list(range(30))
    found = split_as_given(ids, ["train"] * 20 + ["test"] * 10, SHARES)
    assert found["test"] == ids[20:]
    assert len(found["val"]) == 2  # a ninth of 20
    assert sorted(found["train"] + found["val"]) == ids[:20]
    assert split_as_given(ids, ["train"] * 30, SHARES) == split_by_id(ids, SHARES)


def test_given_splits_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="'ood' is no split: none of train"):
        split_as_given([1], ["ood"], SHARES)
    with pytest.raises(ValueError, match="7 is in train and in test"):
        split_as_given([7, 7], ["train", "test"], SHARES)


def test_a_file_of_ids_gives_the_splits(tmp_path):
    table, lists = tmp_path / "split.csv", tmp_path / "split.json"
    table.write_text("id,z,split\na,1,Train\nb,2,valid\nunused,3,test\n1,4,test\n")
    lists.write_text(json.dumps({"train": ["a"], "valid": ["b"], "test": [1]}))
    for path in (table, lists):
        assert given_splits(str(path), ["b", "a", 1]) == ["val", "train", "test"]
    assert given_splits("Validation", ["a", "b"]) == ["val", "val"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,split\na,train\n", "no split of 1 of 2 ids: b"),
        ("id,split\na,train\nb,good\n", "b: 'good' is no split"),
        ("id,split\na,train\na,test\nb,test\n", "a is in train and in test"),
        ("name,split\na,train\n", "not a CSV file with columns id and split"),
        ("id,split\na\nb,test\n", "a: None is no split"),
    ],
)
def test_a_file_of_ids_that_cannot_be_is_named(tmp_path, text, said):
    path = tmp_path / "split.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"split\.csv: .*{said}"):
        given_splits(str(path), ["a", "b"])
    with pytest.raises(ValueError, match="is neither a file nor one of train"):
        given_splits("nowhere.csv", ["a"])


def test_a_run_goes_on_with_the_splits_it_was_trained_on():
    drawn = {**SHARES, DRAWN: 1.0}
    assert resumed_splits(drawn, None) == drawn
    assert resumed_splits(None, dict(SHARES)) == SHARES
    with pytest.raises(ValueError, match="test samples would train"):
        resumed_splits(None, {"train": 0.8, "val": 0.2, "test": 0.0})
