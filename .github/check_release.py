"""Check, before a release is built, that a tag and everything that states a version agree.

python .github/check_release.py v0.1.0
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACEHOLDER = ".example"  # in addresses that have to be known before the first release


def faults(tag: str, root: Path = ROOT) -> list[str]:
    """What keeps a tag from being released, a line each."""
    version, found = tag.removeprefix("v"), []
    for path in sorted([root / "shared/pyproject.toml", *root.glob("packages/*/pyproject.toml")]):
        text = path.read_text()
        place, stated = path.relative_to(root), tomllib.loads(text)["project"]["version"]
        if f"v{stated}" != tag:
            found.append(f"{place}: version: {stated}, but the tag is {tag}")
        if PLACEHOLDER in text:
            found.append(f"{place}: {PLACEHOLDER}: a placeholder; put the real address there")
    if f"\nversion: {version}\n" not in (root / "CITATION.cff").read_text():
        found.append(f"CITATION.cff: version: not {version}")
    dated = rf"^## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)$"
    if not re.search(dated, (root / "CHANGELOG.md").read_text(), re.MULTILINE):
        found.append(f"CHANGELOG.md: no heading '## {version} (YYYY-MM-DD)'")
    return found


if __name__ == "__main__":
    (tag,) = sys.argv[1:]
    sys.exit("\n".join(faults(tag)) or 0)
