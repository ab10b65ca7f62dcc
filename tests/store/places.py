"""Where the stores of the tests lie: a file, and a schema of its own on a PostgreSQL server."""

import os
import uuid
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text


def file(folder: Path) -> str:
    return str(folder / "study.db")


def memory(_folder: Path) -> str:
    return ":memory:"


def postgres(_folder: Path) -> str:
    url = os.environ.get("PHYSAI_TEST_POSTGRES", "")
    if not url:
        pytest.skip("PHYSAI_TEST_POSTGRES names no server")
    schema = f"physai_{uuid.uuid4().hex[:12]}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    engine.dispose()
    return f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{schema}"
