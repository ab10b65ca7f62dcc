"""Statements run with as little around them as possible, because a writer holds the lock meanwhile.

SQLAlchemy writes each statement once for SQLite; after that its text goes straight to the driver, which halves the
time of a verb. The columns need no conversion there. Servers get the statement through SQLAlchemy.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from sqlalchemy import Delete, Insert, Select, Update
from sqlalchemy.engine import Connection

Values: TypeAlias = Mapping[str, object]
Text: TypeAlias = tuple[str, tuple[str, ...], Values]

_texts: dict[Select[*tuple[object, ...]] | Insert | Update | Delete, Text] = {}


def fetch(
    connection: Connection, statement: Select[*tuple[object, ...]], values: Values
) -> list[tuple[object, ...]]:
    """Give all rows of a select that is a module's constant."""
    if connection.dialect.name != "sqlite":
        return [tuple(row) for row in connection.execute(statement, values)]
    text = _text(connection, statement)
    rows: list[tuple[object, ...]] = _driver(connection).execute(text[0], _in_order(text, values)).fetchall()
    return rows


def change(connection: Connection, statement: Insert | Update | Delete, rows: Sequence[Values]) -> int:
    """Run a change that is a module's constant, once for each mapping; give how many rows changed."""
    if connection.dialect.name != "sqlite":
        return connection.execute(statement, rows if len(rows) > 1 else rows[0]).rowcount
    text = _text(connection, statement)
    if len(rows) == 1:
        return _driver(connection).execute(text[0], _in_order(text, rows[0])).rowcount
    return _driver(connection).executemany(text[0], [_in_order(text, row) for row in rows]).rowcount


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _text(connection: Connection, statement: Select[*tuple[object, ...]] | Insert | Update | Delete) -> Text:
    known = _texts.get(statement)
    if known is None:
        compiled = statement.compile(dialect=connection.dialect)
        names: Sequence[str] = getattr(compiled, "positiontup", None) or ()
        known = _texts[statement] = (str(compiled), tuple(names), dict(compiled.params))
    return known


def _in_order(text: Text, values: Values) -> list[object]:
    _, names, fixed = text
    return [values[name] if name in values else fixed[name] for name in names]
