import hashlib

import pytest

from xval.simulate import SETS, text_set

DIGESTS = {
    "multiplication": "a854f87706d2bdd4",
    "trees": "aad83acc02fbb4f9",
    "products": "c63355f6f6e7dff9",
    "orbits": "ea7cb5764582e3a4",
    "planets": "09c8d83ff0ae6872",
    "temperature": "284ebf379feb37a8",
}


@pytest.mark.parametrize("name", SETS)
def test_a_sample_depends_on_seed_and_number_alone(name):
    one = text_set(name)
    whole, part = one.simulate(7, 12), one.simulate(7, 3, first=9)
    assert part.texts == whole.texts[9:]
    assert part.labels == {label: each[9:] for label, each in whole.labels.items()}
    other = one.simulate(8, 12)
    assert not set(other.texts) & set(whole.texts)
    assert {*map(len, whole.labels.values())} == {12}
    assert "id" in whole.labels


@pytest.mark.parametrize("name", SETS)
def test_a_version_writes_the_same_bytes(name):
    """A change of the texts is a new ``VERSION``, and new digests here."""
    text = "\n".join(text_set(name).simulate(0, 4).texts)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == DIGESTS[name]


@pytest.mark.parametrize("name", SETS)
def test_parameters_are_known_and_of_their_type(name):
    one = text_set(name)
    with pytest.raises(ValueError, match=f"^size: no parameter of {name}, which has "):
        one.simulate(0, 1, parameters={"size": 1})
    key = next(iter(one.parameters_with({})))
    for value in ("3", True, None):
        with pytest.raises(ValueError, match=f"^{key}: {value!r} is no (whole )?number"):
            one.simulate(0, 1, parameters={key: value})


def test_what_cannot_be_is_said_in_one_line():
    for name, parameters, message in (
        ("multiplication", {"digits": 0}, "digits: 0 is none of 1 to 9"),
        ("multiplication", {"digits": 2.5}, "digits: 2.5 is no whole number"),
        ("trees", {"fewest": 5}, "fewest: 5 to 4: operands are 2 to 4"),
        ("products", {"zeros": 2}, "zeros: 2.0 is not between 0 and 1"),
        ("orbits", {"frames": 0}, "frames: 0 is less than 1"),
        ("planets", {"digits": 16}, "digits: 16 is none of 1 to 15"),
        ("temperature", {"hours": 0}, "hours: 0.0 is not above 0"),
    ):
        with pytest.raises(ValueError, match="^" + message.replace("(", r"\(")):
            text_set(name).simulate(0, 1, parameters=parameters)
    with pytest.raises(ValueError, match=r"^set: 'squares' is none of multiplication, trees, "):
        text_set("squares")
    with pytest.raises(ValueError, match=r"^samples: 0 is less than 1"):
        text_set("orbits").simulate(0, 0)
