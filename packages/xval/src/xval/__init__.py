"""xVal: continuous encoding of numbers in text, and text encodings (arXiv 2310.02989)."""

import lazy_loader

# Names are imported when first used, so that --help does not wait for torch and Lightning.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
