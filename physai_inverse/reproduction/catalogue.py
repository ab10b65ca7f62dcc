"""The laws that there are: every `LAWS` of the files in `laws/`."""

from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path

from physai_inverse.errors import InvalidInput
from physai_inverse.reproduction.law import Law

FOLDER = Path(__file__).parent / "laws"


def all_laws() -> tuple[Law, ...]:
    """List the laws in order of their numbers; imports nothing heavy."""
    found: list[Law] = []
    for path in sorted(FOLDER.glob("*.py")):
        if path.stem != "__init__":
            found += import_module(f"{__package__}.laws.{path.stem}").LAWS
    return tuple(sorted(found, key=lambda law: law.number))


def chosen_laws(numbers: Iterable[int]) -> Sequence[Law]:
    """Give laws by their numbers; all where none is named.

    Raises:
        InvalidInput: there is no such law.
    """
    laws = {law.number: law for law in all_laws()}
    wanted = list(dict.fromkeys(numbers))
    for number in wanted:
        if number not in laws:
            listed = ", ".join(map(str, laws))
            raise InvalidInput(f"There is no law {number}; there are {listed}.")
    return [laws[number] for number in sorted(wanted)] if wanted else list(laws.values())
