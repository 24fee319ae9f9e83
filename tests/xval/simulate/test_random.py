import numpy as np

from xval.simulate.random import between, integers, log_between, uniforms


def test_a_number_depends_on_seed_name_sample_and_column_alone():
    whole = uniforms(3, "a", np.arange(50), 4)
    some = uniforms(3, "a", np.array([49, 7, 8]), 6)
    np.testing.assert_array_equal(some[:, :4], whole[[49, 7, 8]])
    for other in (uniforms(4, "a", np.arange(50), 4), uniforms(3, "b", np.arange(50), 4)):
        assert not np.isin(other, whole).any()


def test_the_numbers_are_the_same_on_every_machine():
    assert uniforms(0, "golden", np.arange(2), 2).tolist() == GOLDEN


def test_numbers_are_uniform_and_independent():
    drawn = uniforms(0, "x", np.arange(100_000), 3)
    assert ((drawn >= 0) & (drawn < 1)).all()
    shares = np.stack([np.histogram(column, 10, (0, 1))[0] for column in drawn.T]) / 100_000
    assert abs(shares - 0.1).max() < 0.004  # four deviations
    beside = np.corrcoef(drawn.T)[np.triu_indices(3, 1)]
    after = np.corrcoef(drawn[1:, 0], drawn[:-1, 0])[0, 1]
    assert max(abs(beside).max(), abs(after)) < 0.0127  # four deviations


def test_numbers_stretch_to_their_range():
    drawn = uniforms(0, "x", np.arange(3000), 1)
    assert set(integers(drawn, -1, 2).ravel()) == {-1, 0, 1, 2}
    assert -3 <= between(drawn, -3, 5).min() < -2.9 < 4.9 < between(drawn, -3, 5).max() < 5
    decades = np.floor(np.log10(log_between(drawn, 1e-2, 1e2)))
    np.testing.assert_allclose(np.unique(decades, return_counts=True)[1], 750, atol=100)


GOLDEN = [[0.3159721002970136, 0.300101020816568], [0.8025815090434528, 0.004317499737456654]]
