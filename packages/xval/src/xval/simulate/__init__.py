"""Simulated data sets of texts: pure functions of seed, sample indices and parameters."""

from xval.simulate.registry import SETS, TextSet, text_set
from xval.simulate.text import Texts

__all__ = ["SETS", "TextSet", "Texts", "text_set"]
