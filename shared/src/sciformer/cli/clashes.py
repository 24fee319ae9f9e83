"""Find strangers' distributions that install a package or a command of a project's name.

The package index has an ``mpp`` and an ``xval`` that are not ours. pip lets the later of two
distributions write over the files of the earlier one.
"""

from importlib.metadata import Distribution, distributions, entry_points

from sciformer.allowlist import GROUP


def check_clashes(package: str | None = None) -> None:
    """Check that a project's package and command are its own distribution's alone.

    Args:
        package: Import name of the project; ``None`` checks every installed one.

    Raises:
        ValueError: Naming the other distribution, and what to do.
    """
    records = [(dist, f"\n{dist.read_text('RECORD') or ''}") for dist in distributions()]
    for entry in entry_points(group=GROUP):
        found = entry.module.partition(".")[0]
        if package in (None, found) and entry.dist is not None:
            files = [dist for dist, record in records if f"\n{found}/" in record]
            _check(entry.dist, found.replace("_", "-"), files)


def _check(ours: Distribution, command: str, dists: list[Distribution]) -> None:
    scripts = entry_points(group="console_scripts", name=command)
    for dist in (*dists, *(script.dist for script in scripts)):
        if dist is not None and dist.name != ours.name:
            raise ValueError(
                f"{dist.name} {dist.version} is not ours, and writes over the package or command "
                f"{command} of {ours.name}: pip uninstall {dist.name}, then install {ours.name} "
                "again with --force-reinstall --no-deps"
            )
