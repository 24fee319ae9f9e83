"""Distributions that a test pretends are installed."""

from importlib.metadata import distributions
from pathlib import Path

from sciformer.cli.demo import GROUP


def install(site: Path, dist: str, entry_points: str = "", record: str = "") -> None:
    """Put a distribution on a path, in front of one of the same name that is really installed."""
    folder = site / f"{dist}-9.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 9\n")
    (folder / "entry_points.txt").write_text(entry_points)
    (folder / "RECORD").write_text(record)


def hide_projects(site: Path) -> None:
    """On a path that begins with a folder, let every project that is really installed vanish."""
    for dist in distributions():
        if any(entry.group == GROUP for entry in dist.entry_points):
            install(site, dist.metadata["Name"].replace("-", "_"))
