import numpy as np
from astroclip_small import astroclip, complaint, write_pairs
from astropy.io import fits


def test_what_is_understood_is_printed_and_drawn(tmp_path, capsys):
    entry = write_pairs(tmp_path / "own", labels=False)
    said = f"{{images: {entry['images']}, spectra: {entry['spectra']}}}"
    assert astroclip("inspect", said, "--out", str(tmp_path / "a.png")) == 0
    lines = capsys.readouterr().out
    for part in ("5 galaxies with images and spectra", "g0, g1, g2, ...", "5 by id", "nanomaggies"):
        assert part in lines
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_what_is_left_out_is_listed_with_its_reason(tmp_path, capsys):
    write_pairs(tmp_path, images=False)
    catalog = fits.BinTableHDU(np.rec.array([(1.0, 2.0)], names="RA,DEC"))
    fits.HDUList([fits.PrimaryHDU(), catalog]).writeto(tmp_path / "t.fits")
    (tmp_path / "broken.fits").write_text("no FITS")
    assert astroclip("inspect", str(tmp_path)) == 0
    lines = capsys.readouterr().out
    assert "left out: t.fits: a catalog, without images or spectra" in lines
    assert "cannot be used" in lines
    assert "broken.fits: truncated or not FITS" in lines


def test_a_file_of_no_galaxies_is_answered_by_what_it_is(tmp_path, capsys):
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((9, 9)))]).writeto(tmp_path / "d.fits")
    line = complaint(capsys, "inspect", str(tmp_path / "d.fits"))
    assert "d.fits: an image without the name of a band" in line
