"""Parameters of a function or class, read from its source file without importing it.

The help of a command needs nothing else, and importing torch takes some 3 CPU-seconds.
"""

import ast
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from docstring_parser import parse

Definition = ast.ClassDef | ast.FunctionDef


class NoSourceError(LookupError):
    """There is no source file, or not this name in it."""


class Parameter(NamedTuple):
    """A parameter as it stands in the source.

    Args:
        name: Its name; that of a field of a table (dataclass) is ``table.field``.
        type: Its type, with aliases written out.
        default: Its default value; ``None`` if it is required.
        text: Its text in the docstring, in one line.
    """

    name: str
    type: ast.expr
    default: ast.expr | None
    text: str


def summary(target: str) -> str:
    """First line of the docstring of ``package.file:name``."""
    return (ast.get_docstring(_definition(target)[1]) or "").partition("\n")[0]


def parameters(target: str) -> list[Parameter]:
    """Parameters of a function, or of the constructor of a class.

    Args:
        target: Function or class, as ``package.file:name``.

    Returns:
        Parameters in order; a table is replaced by its fields.

    Raises:
        NoSourceError: If the source has no such definition.
    """
    return [
        part for one in _own(*_definition(target)) for part in _fields(target.split(":")[0], one)
    ]


def literals(node: ast.expr) -> list[str]:
    """Values of all ``Literal`` in a type."""
    values: list[str] = []
    for part in ast.walk(node):
        if isinstance(part, ast.Subscript) and ast.unparse(part.value).endswith("Literal"):
            values += [str(one.value) for one in ast.walk(part) if isinstance(one, ast.Constant)]
    return values


def _definition(target: str) -> tuple[str, Definition]:
    module, found = _find(*target.split(":"))
    if not isinstance(found, Definition):
        raise NoSourceError(f"{target}: no function or class")
    return module, found


@cache
def _tree(module: str) -> ast.Module:
    spec = find_spec(module)
    if spec is None or not str(spec.origin).endswith(".py"):
        raise NoSourceError(f"{module}: no source")
    return ast.parse(Path(str(spec.origin)).read_text(encoding="utf-8"))


def _find(module: str, name: str) -> tuple[str, Definition | ast.expr]:
    """Definition or value of a name, with the module in which it stands."""
    for node in _tree(module).body:
        if isinstance(node, Definition) and node.name == name:
            return module, node
        if isinstance(node, ast.Assign) and (value := _assigned(node, name)):
            return module, value
        if isinstance(node, ast.ImportFrom) and node.module and _near(node.module, module):
            for one in node.names:
                if name == (one.asname or one.name):
                    return _find(node.module, one.name)
    raise NoSourceError(f"{module}: no {name}")


def _assigned(node: ast.Assign, name: str) -> ast.expr | None:
    """Value that an assignment gives to a name."""
    target, value = node.targets[0], node.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = zip(map(ast.unparse, target.elts), value.elts, strict=True)
        return dict(pairs).get(name)
    return value if ast.unparse(target) == name else None


def _near(origin: str, module: str) -> bool:
    """Whether a module is of the same package or the core: finding another one may import it."""
    return origin.partition(".")[0] in (module.partition(".")[0], "sciformer")


def _own(module: str, node: Definition) -> Iterator[Parameter]:
    """Parameters of a function, of a constructor, or fields of a dataclass."""
    texts = {one.arg_name: one.description for one in parse(ast.get_docstring(node) or "").params}
    for name, kind, default in _arguments(module, node):
        text = " ".join((texts.get(name) or "").split())
        yield Parameter(name, _Written(module).visit(kind), default, text)


def _arguments(module: str, node: Definition) -> Iterator[tuple[str, ast.expr, ast.expr | None]]:
    """Name, type and default of each parameter."""
    if isinstance(node, ast.FunctionDef):
        given = [*node.args.posonlyargs, *node.args.args]
        missing = [None] * (len(given) - len(node.args.defaults))
        pairs = [*zip(given, [*missing, *node.args.defaults], strict=True)]
        pairs += zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        for one, default in pairs[given[0].arg == "self" if given else 0 :]:
            yield one.arg, one.annotation or ast.Name("Any"), _value(module, default)
        return
    made = [part for part in node.body if getattr(part, "name", "") == "__init__"]
    if not made and _is_dataclass(node):
        for part in node.body:
            if isinstance(part, ast.AnnAssign):
                yield ast.unparse(part.target), part.annotation, _value(module, part.value)
        return
    bases = [_definition(f"{module}:{ast.unparse(base)}") for base in node.bases if not made]
    for place, part in [(module, part) for part in made] or bases:
        yield from _arguments(place, part)  # pyright: ignore[reportArgumentType]


def _fields(module: str, one: Parameter) -> list[Parameter]:
    """Fields of a parameter that is a table, with the defaults that it has here; else itself."""
    try:
        place, table = _find(module, ast.unparse(one.type))
    except NoSourceError:
        return [one]
    if not isinstance(table, ast.ClassDef) or not _is_dataclass(table):
        return [one]
    given = one.default.keywords if isinstance(one.default, ast.Call) else []
    defaults = {word.arg: word.value for word in given}
    return [
        Parameter(
            f"{one.name}.{part.name}",
            part.type,
            defaults.get(part.name, part.default),
            part.text,
        )
        for own in _own(place, table)
        for part in _fields(place, own)
    ]


def _is_dataclass(node: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(each) for each in node.decorator_list)


def _value(module: str, node: ast.expr | None) -> ast.expr | None:
    """Value of a default: of a constant's name, or of a dataclass's ``field``."""
    match node:
        case ast.Name(id=name):
            try:
                place, found = _find(module, name)
            except NoSourceError:
                return node
            return _value(place, found) if isinstance(found, ast.expr) else node
        case ast.Call(func=ast.Name(id="field"), keywords=words):
            values = {word.arg: word.value for word in words}
            made = values.get("default_factory")
            return made.body if isinstance(made, ast.Lambda) else values.get("default", made)
    return node


class _Written(ast.NodeTransformer):
    """Writes out aliases of types."""

    def __init__(self, module: str) -> None:
        self.module = module

    def visit_Name(self, node: ast.Name) -> ast.expr:
        try:
            place, found = _find(self.module, node.id)
        except NoSourceError:
            return node
        return _Written(place).visit(found) if isinstance(found, ast.expr) else node
