"""``joined_batch`` for the tests beside it: pytest's importlib mode puts nothing on the path."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
