"""``help(name)`` says something about every public name of the five packages."""

import inspect
from functools import cached_property
from importlib import import_module
from pkgutil import walk_packages

import pytest

PACKAGES = ["sciformer", "astroclip", "contextual_counting", "mpp", "xval"]
METHODS = (property, cached_property, classmethod, staticmethod)


pytestmark = pytest.mark.signature


def undocumented(package):
    """Public modules, classes, functions and methods without a docstring, own or inherited."""
    for found in walk_packages(import_module(package).__path__, f"{package}."):
        if found.name.endswith(".__main__"):
            continue
        module = import_module(found.name)
        if not module.__doc__:
            yield found.name
        for name, value in vars(module).items():
            known = inspect.isclass(value) or inspect.isroutine(value)
            if known and not name.startswith("_") and value.__module__ == found.name:
                yield from _of(value, f"{found.name}.{name}")


def _of(value, path):
    if not inspect.getdoc(value):
        yield path
    for name, method in vars(value).items() if inspect.isclass(value) else ():
        is_method = inspect.isfunction(method) or isinstance(method, METHODS)
        if is_method and not name.startswith("_") and not inspect.getdoc(getattr(value, name)):
            yield f"{path}.{name}"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_has_a_docstring(package):
    assert not list(undocumented(package))


def test_a_name_without_a_docstring_is_found():
    class Bare:
        def method(self):
            pass

    assert list(_of(Bare, "Bare")) == ["Bare", "Bare.method"]
