"""Multiple Physics Pretraining: one transformer for many physical systems (arXiv 2310.02994)."""

import lazy_loader

# Names are imported when first used, so that --help does not wait for torch and Lightning.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
