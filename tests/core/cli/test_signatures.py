"""Parameters read from source files, against those of the imported object."""

import ast
import sys

import pytest

from sciformer.cli.signatures import NoSourceError, literals, parameters, summary

TABLES = """
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["a", "b"]
LARGE, SMALL = 9, 1


@dataclass(frozen=True)
class Table:
    \"\"\"A table.

    Args:
        width: How wide,
            in meters.
    \"\"\"

    width: int = 2
    parts: list[int] = field(default_factory=lambda: [4])
"""
USERS = """
from tables_here import SMALL, Kind, Table

TABLE = Table(width=3)


class Base:
    def __init__(self, size: "int", kind: Kind | None = None, table: Table = TABLE) -> None: ...


class Own(Base):
    \"\"\"Something of its own.\"\"\"


def work(path: str, *, count: int = SMALL) -> None: ...
"""


@pytest.fixture
def sources(tmp_path, monkeypatch):
    package = tmp_path / "sources_here"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "tables.py").write_text(TABLES)
    (package / "users.py").write_text(USERS.replace("tables_here", "sources_here.tables"))
    monkeypatch.syspath_prepend(tmp_path)
    yield "sources_here.users"
    for name in [name for name in sys.modules if name.startswith("sources_here")]:
        del sys.modules[name]


def shown(target):
    return {one.name: one.default and ast.unparse(one.default) for one in parameters(target)}


def test_a_function_has_its_arguments_and_defaults_of_imported_constants(sources):
    assert shown(f"{sources}:work") == {"path": None, "count": "1"}


def test_a_class_has_those_of_its_base_and_the_fields_of_its_tables(sources):
    found = shown(f"{sources}:Own")
    assert found == {"size": None, "kind": "None", "table.width": "3", "table.parts": "[4]"}
    texts = {one.name: one.text for one in parameters(f"{sources}:Own")}
    assert texts["table.width"] == "How wide, in meters."
    assert summary(f"{sources}:Own") == "Something of its own."


def test_an_alias_of_a_type_is_written_out(sources):
    (kind,) = [one.type for one in parameters(f"{sources}:Own") if one.name == "kind"]
    assert literals(kind) == ["a", "b"]


def test_reading_a_source_does_not_import_it(sources):
    parameters(f"{sources}:Own")
    assert sources not in sys.modules


@pytest.mark.parametrize("target", ["no_such_package:x", "sciformer.text:missing", "sys:exit"])
def test_what_has_no_source_is_an_error_of_its_own(target):
    with pytest.raises(NoSourceError):
        parameters(target)
