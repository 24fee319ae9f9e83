import pytest
from galaxy_files import Listed, dead, galaxy

from astroclip.data.on_error import TOLD, Bad, LeftOut, good, sound


def test_a_bad_galaxy_is_an_error_or_is_told_and_left_out():
    source = Listed([galaxy("a"), dead(), galaxy("c")])
    with pytest.raises(ValueError, match=r"here: dead: ivar: 0 in every pixel"):
        list(sound(source))
    told = []
    assert [(n, found.id) for n, found in sound(source, "skip", told.append)] == [
        (0, "a"),
        (2, "c"),
    ]
    assert told == [Bad("dead", told[0].reason)]
    assert good(source) == ([0, 2], told)


def test_the_first_galaxies_that_are_left_out_are_told_of_one_by_one(capsys):
    tell = LeftOut("--files.on_error")
    for number in range(TOLD + 5):
        tell(Bad(str(number), f"galaxy {number}"))
    *each, last = capsys.readouterr().err.splitlines()
    assert each == [f"left out: galaxy {number}" for number in range(TOLD)]
    assert last == "left out: more (--files.on_error stop ends at the first)"
