"""Import all that a project's commands need, while some modules are as if not installed.

Usage: ``python base_install.py PACKAGE MISSING...``. Only our own imports of what is missing fail:
other libraries look for theirs and do without.
"""

import builtins
import importlib
import sys

find, (package, *missing) = builtins.__import__, sys.argv[1:]


def find_but_not_for_us(name, globals=None, *rest, **named):
    """Import a module, unless it is missing and one of ours asks for it."""
    asking = (globals or {}).get("__name__") or ""
    if asking.partition(".")[0] in {"sciformer", package} and name.partition(".")[0] in missing:
        raise ModuleNotFoundError(f"{asking} imports {name}")
    return find(name, globals, *rest, **named)


builtins.__import__ = find_but_not_for_us
project = importlib.import_module(f"{package}.cli").PROJECT
for place in (project.module, project.data, *(verb.call for verb in project.verbs.values())):
    importlib.import_module(place.partition(":")[0])
