from typing import Any

import pytest

from sciformer.arguments import ArgumentError
from sciformer.data.entry import check_entry

KNOWN = {
    "path": str,
    "count": int,
    "dt": float,
    "flag": bool,
    "names": list[str],
    "sizes": dict[str, float],
    "other": Any,
}


def test_a_table_with_values_of_their_types_passes():
    said = {"path": "a", "count": 3, "dt": 1, "flag": True, "names": ["a"], "sizes": {"a": 1}}
    check_entry(said | {"other": [object()]}, KNOWN, "path")
    check_entry({"path": "a", "count": None}, KNOWN, "path")


@pytest.mark.parametrize(
    ("said", "name", "reason"),
    [
        ({"path": "a", "pth": 1}, "pth", "no such key; there are count, dt, "),
        ({"path": "a", 3: 1}, "3", "no such key"),
        ({"count": 1}, "path", "missing"),
        ({"path": None}, "path", "missing"),
        ({"path": 3}, "path", "3 is no str"),
        ({"path": "a", "count": True}, "count", "True is no int"),
        ({"path": "a", "count": 1.0}, "count", "1.0 is no int"),
        ({"path": "a", "dt": "x"}, "dt", "'x' is no float"),
        ({"path": "a", "flag": 1}, "flag", "1 is no bool"),
        ({"path": "a", "names": "a"}, "names", "'a' is no list[str]"),
        ({"path": "a", "names": [1]}, "names", "[1] is no list[str]"),
        ({"path": "a", "sizes": [1]}, "sizes", "[1] is no dict[str, float]"),
        ({"path": "a", "sizes": {"a": "b"}}, "sizes", "{'a': 'b'} is no dict"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(said, name, reason):
    with pytest.raises(ArgumentError) as caught:
        check_entry(said, KNOWN, "path")
    assert caught.value.name == name
    assert caught.value.reason.startswith(reason)
