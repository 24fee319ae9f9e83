import pytest

from contextual_counting.cli import PROJECT
from contextual_counting.module import CountingModule, Network
from contextual_counting.studies.paper_grid import CLAIMS, GRID, PUBLISHED, Arm, Spread, spread
from sciformer.cli.options import resolve


def test_the_grid_is_the_papers_24_configurations():
    assert len(set(GRID)) == len({arm.name for arm in GRID}) == 24
    assert Arm(True, "alibi0.01", False).name == "causal-alibi0.01-bare"


def test_every_arm_is_a_network_that_can_be_built():
    assert resolve(PROJECT.module) is CountingModule
    for arm in GRID:
        pairs = dict(word.removeprefix("--model.").split("=") for word in arm.words)
        network = Network(
            causal=pairs["causal"] == "true",
            positions=pairs["positions"],
            slope=float(pairs["slope"]),
            begin=pairs["begin"] == "true",
        )
        module = CountingModule(network, length=40)
        encoder = module.model.encoder
        assert encoder.block.attention.causal == arm.causal
        assert encoder.begin == arm.begin
        alibi = encoder.block.attention.alibi
        assert (alibi is not None) == arm.positions.startswith("alibi")
        if alibi is not None:
            assert f"alibi{alibi.slopes[0].item():g}" == arm.positions


def test_the_published_numbers_are_those_of_the_figures():
    best = max(PUBLISHED["id"], key=lambda arm: PUBLISHED["id"][arm].best)
    assert best == Arm(True, "rotary", True)
    assert PUBLISHED["id"][best].best == pytest.approx(0.954)
    assert PUBLISHED["fewer"][Arm(True, "none", False)] == pytest.approx((0.071, 0.047))


def test_the_papers_orderings_hold_in_its_own_numbers():
    for claim in CLAIMS:
        higher, lower = claim.sides(PUBLISHED)
        assert higher > lower, claim.text


def test_an_ordering_of_arms_that_were_not_run_is_left_open():
    ours = {name: {Arm(True, "none", True): Spread(1.0, 1.0)} for name in PUBLISHED}
    assert all(claim.sides(ours) is None for claim in CLAIMS)


def test_best_and_median_are_over_regions_and_seeds():
    assert spread([0.2, 0.9, 0.4, 0.3]) == Spread(0.9, 0.35)
