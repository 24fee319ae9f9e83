"""Sizes that a FITS header claims are compared with the file before astropy believes them."""

import re
from tempfile import TemporaryFile

import pytest

from astroclip.data.readers.fits_sizes import BLOCK, check_sizes


def file(*cards, data=0):
    header = "".join(card.ljust(80) for card in (*cards, "END"))
    made = TemporaryFile()  # noqa: SIM115  # closed when the test forgets it
    made.write(header.ljust(-(-len(header) // BLOCK) * BLOCK).encode() + bytes(data))
    return made


IMAGE = "SIMPLE  = T", "BITPIX  = -32", "NAXIS   = 2", "NAXIS1  = 24", "NAXIS2  = 30"


def test_a_file_with_all_of_its_data_passes_and_is_left_at_its_start():
    whole = file(*IMAGE, data=BLOCK)
    whole.seek(7)
    check_sizes(whole)
    assert whole.tell() == 0


def test_data_that_are_missing_are_counted():
    with pytest.raises(EOFError, match="HDU 0 has 2000 bytes of 2880"):
        check_sizes(file(*IMAGE, data=2000))


@pytest.mark.parametrize("axes", ["1000", "-1", "1" + "0" * 49, "9" * 70])
def test_a_number_of_axes_that_astropy_would_count_to_is_refused(axes):
    with pytest.raises(ValueError, match=f"HDU 0: NAXIS: {int(axes)}"):
        check_sizes(file("SIMPLE  = T", "BITPIX  = 8", f"NAXIS   = {axes}"))


def test_a_length_that_no_file_has_is_data_that_are_missing():
    with pytest.raises(EOFError, match="HDU 0 has 2880 bytes of"):
        check_sizes(file(*IMAGE[:4], f"NAXIS2  = {'9' * 40}", data=BLOCK))


@pytest.mark.parametrize("key", ["NAXIS", "NAXIS1", "BITPIX", "PCOUNT", "ZNAXIS", "TFIELDS"])
def test_two_values_of_a_size_are_refused_as_astropy_may_take_the_other(key):
    two = f"{key:8}= 3", f"{key:8}= 1"
    with pytest.raises(ValueError, match=re.escape(f"HDU 0: {key}: 3 and 1")):
        check_sizes(file("SIMPLE  = T", *two, data=BLOCK))


def test_other_keys_may_be_repeated():
    check_sizes(file(*IMAGE, "EXPNUM  = 1", "EXPNUM  = 2", data=BLOCK))
