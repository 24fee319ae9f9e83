"""Sets of samples as texts: pure functions of seed, sample numbers and parameters."""

from xval.simulate.registry import SETS, TextSet, text_set
from xval.simulate.text import Texts

__all__ = ["SETS", "TextSet", "Texts", "text_set"]
