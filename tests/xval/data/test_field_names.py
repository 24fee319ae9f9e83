import pytest

from xval.data.field_names import field_of, matches, names_of
from xval.encodings.numbers_in_text import cut


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{'a':1,'b':{'c':2,'d':3},'e':4}", "a b.c b.d e"),
        ("{'data':[[1,2],[3,4]],'x':5}", "data.0.0 data.0.1 data.1.0 data.1.1 x"),
        ("[1,{'a':2}]", "0 1.a"),
        ("2*3=6", "  ="),
        ("((1.5*2)+(3-4))=2", "    ="),
        ("{'a':'it is 5 = no {key}','b':7}", "a b"),
        ("{'it\\'s':1,'b':2}", "it\\'s b"),
        ("{'b':[],'c':{},'d':3}", "d"),
        ("21.5 C, then 22", " "),
        ("}]],3{", ""),
        ("no number", ""),
    ],
)
def test_a_number_is_called_by_the_keys_and_places_around_it(text, names):
    words, numbers = cut(text)
    found = names_of(words)
    assert len(found) == len(numbers)
    assert " ".join(found) == names


def test_a_hole_in_a_text_is_no_number():
    words, _ = cut("{'a\0b':1,'c':'\0','d':2}")
    assert len(names_of(words)) == 2
    assert names_of(words)[1] == "d"


def test_a_field_is_the_last_key():
    for name, field in (("a", "a"), ("b.c", "c"), ("data.3.0", "data"), ("=", "="), ("", "")):
        assert field_of(name) == field


def test_a_pattern_is_a_field_or_a_name_with_stars():
    assert matches("m", "description.planet1.m")
    assert matches("description.*.m", "description.planet1.m")
    assert matches("data.8.*", "data.8.3")
    assert not matches("data.8.*", "data.7.8")
    assert not matches("m", "description.m.a")
    assert not matches("=", "")
