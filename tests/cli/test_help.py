"""Help is there, has examples, and imports next to nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from physai_inverse.cli.app import COMMANDS
from tests.cli.conftest import Cli

HEAVY = ("torch", "numpy", "ax", "botorch", "sklearn", "pandas", "rich", "sqlalchemy", "pydantic", "scipy")
CHILD = """
import sys
sys.argv = {arguments!r}
from physai_inverse.cli import main
try:
    main()
except SystemExit as leaving:
    assert not leaving.code
loaded = {heavy!r} & set(sys.modules)
print("loaded:", *sorted(loaded))
"""


def child(code: str, environment: dict[str, str]) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    ).stdout


@pytest.mark.parametrize("arguments", [["--help"], ["suggest", "--help"], ["run", "-h"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str], cached: dict[str, str]) -> None:
    # typer loads pydantic to read an option of the group
    heavy = set(HEAVY) - ({"pydantic"} if arguments == ["--version"] else set())
    code = CHILD.format(arguments=["physai-inverse", *arguments], heavy=heavy)
    found = child(code, cached)
    assert found.splitlines()[-1] == "loaded:"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_help_with_an_example(cli: Cli, command: str) -> None:
    result = cli(command, "--help")
    assert (result.code, result.err) == (0, "")
    assert f"physai-inverse {command}" in result.out.partition("Example")[2]


def test_suggest_and_observe_do_without_what_is_heavy(study: Path, cached: dict[str, str]) -> None:
    for arguments in (["suggest", str(study)], ["observe", str(study), "13", "loss=1"]):
        heavy = {"torch", "gpytorch", "botorch", "ax", "sklearn", "pandas", "plotly", "optuna"}
        heavy |= {"scipy.linalg", "scipy.special", "sqlalchemy.dialects.postgresql"}
        code = CHILD.format(arguments=["physai-inverse", *arguments], heavy=heavy)
        found = child(code, cached)
        assert found.splitlines()[-1] == "loaded:"


def test_no_argument_shows_the_help_and_every_command(cli: Cli) -> None:
    result = cli("--help")
    assert all(f"  {command} " in result.out for command in COMMANDS)
    assert "Exit codes" in result.out
