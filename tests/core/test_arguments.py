import math
import pickle

import pytest

from sciformer.arguments import (
    ArgumentError,
    check_least,
    check_not_negative,
    check_positive,
    check_share,
    inside,
)


def named(call):
    """Name and reason of what a call refuses."""
    with pytest.raises(ArgumentError) as caught:
        call()
    return caught.value.name, caught.value.reason


def test_an_error_has_its_arguments_name_as_data_and_in_its_text():
    error = ArgumentError("dim", "5 is odd")
    assert (error.name, error.reason, str(error)) == ("dim", "5 is odd", "dim: 5 is odd")
    assert isinstance(error, ValueError)


def test_an_error_comes_whole_out_of_a_process():
    again = pickle.loads(pickle.dumps(ArgumentError("dim", "5 is odd")))
    assert (again.name, str(again)) == ("dim", "dim: 5 is odd")
    assert str(ArgumentError("what a worker of torch says")) == "what a worker of torch says"


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (lambda x: check_least(a=(x, 2)), (2, 3.5, None), (1, -1, math.nan)),
        (lambda x: check_positive(a=x), (1, 1e-9, None), (0, -1, math.inf, math.nan)),
        (lambda x: check_not_negative(a=x), (0, 1, None), (-1e-9, math.inf, math.nan)),
        (lambda x: check_share(a=x), (0, 0.5, 1, None), (-0.1, 1.1, math.nan)),
    ],
)
def test_a_number_out_of_its_range_is_named_with_its_value(check, good, bad):
    for value in good:
        check(value)
    for value in bad:
        name, reason = named(lambda value=value: check(value))
        assert name == "a"
        assert reason.startswith(f"{value} is ")


def test_the_first_of_several_numbers_is_named():
    assert named(lambda: check_least(a=(1, 1), b=(0, 1), c=(0, 1)))[0] == "b"


def test_an_error_inside_of_a_table_says_the_way_to_it():
    def nested():
        with inside("files[1]", {"path": "x"}), inside("shape", {}):
            raise ArgumentError("path", "x: no such file")

    assert named(nested) == ("files[1].shape.path", "x: no such file")


def test_an_entry_that_is_no_table_is_at_fault_itself():
    def plain():
        with inside("files[1]", "x"):
            raise ArgumentError("path", "x: no such file")

    assert named(plain) == ("files[1]", "x: no such file")
