"""The template of a command line: arguments with placeholders, and groups that may be left out.

`{name}` is the value of a parameter. Arguments in square brackets, `[--momentum {momentum}]`, are left out
when a parameter in them is inactive. `{{` and `}}` stand for braces; `[[` and `]]` stand for brackets around a
placeholder; brackets without a placeholder between them stand for themselves.
"""

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Scalar

PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True)
class Template:
    """A command line, split into arguments before anything is put in.

    Args:
        groups: arguments that stand or fall together, and whether they may be left out.
    """

    groups: tuple[tuple[tuple[str, ...], bool], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Every placeholder, in order of first appearance."""
        return tuple(dict.fromkeys(name for arguments, _ in self.groups for name in _names(arguments)))

    @property
    def required(self) -> tuple[str, ...]:
        """Placeholders that stand outside of square brackets."""
        return tuple(
            dict.fromkeys(
                name for arguments, optional in self.groups if not optional for name in _names(arguments)
            )
        )

    def fill(self, values: Mapping[str, Scalar]) -> list[str]:
        """Give the arguments for these values.

        Raises:
            InvalidInput: a placeholder outside of square brackets has no value.
        """
        missing = [name for name in self.required if name not in values]
        if missing:
            raise InvalidInput(
                f"The command needs `{missing[0]}`, which this configuration does not have. Where it is only "
                f"sometimes active, put its arguments in square brackets: `[--{missing[0]} {{{missing[0]}}}]`."
            )
        filled: list[str] = []
        for arguments, optional in self.groups:
            if not optional or all(name in values for name in _names(arguments)):
                filled += [fill_text(argument, values) for argument in arguments]
        return filled


def read_template(command: str | Sequence[str]) -> Template:
    """Read a command line.

    Args:
        command: one text, split like a shell does (quotes, no variables), or the arguments.

    Raises:
        InvalidInput: it is empty, a quote or bracket is not closed, or a brace stands alone.
    """
    if isinstance(command, str):
        try:
            arguments = shlex.split(command)
        except ValueError as error:
            raise InvalidInput(f"`command` cannot be split into arguments: {error} in {command!r}.") from error
    else:
        arguments = list(command)
        if not all(isinstance(argument, str) for argument in arguments):
            raise InvalidInput(f"`command` must be a text or a list of texts, not {command!r}.")
    if not arguments:
        raise InvalidInput("`command` is empty; write for example `python train.py --lr {lr} --seed {seed}`.")
    groups: list[tuple[tuple[str, ...], bool]] = []
    while arguments:
        length = _group_length(arguments)
        group = tuple(arguments[: length or 1])
        del arguments[: len(group)]
        if length:
            inner = list(group)
            inner[0] = inner[0][1:]
            inner[-1] = inner[-1][:-1]
            groups.append((tuple(argument for argument in inner if argument), True))
        else:
            groups.append((group, False))
        _names(group)
    return Template(tuple(groups))


def fill_text(text: str, values: Mapping[str, Scalar]) -> str:
    """Put values into the placeholders of one argument."""

    def replace(match: re.Match[str]) -> str:
        name = match.group(1)
        return match.group(0)[0] if name is None else as_text(values[name])

    if _names((text,)):
        text = text.replace("[[", "[").replace("]]", "]")
    return PLACEHOLDER.sub(replace, text)


def as_text(value: Scalar) -> str:
    """Write a value so that it reads back as the same: floats by `repr`, booleans as `true` and `false`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(float(value))  # a numpy float has a `repr` of its own
    return str(value)


def check_names(names: Collection[str], known: Collection[str], *, where: str) -> None:
    """Check that every placeholder is known.

    Raises:
        InvalidInput: one is not.
    """
    for name in names:
        if name not in known:
            raise InvalidInput(
                f"{where} has the placeholder {{{name}}}, which is no parameter; there are "
                f"{', '.join(f'{{{other}}}' for other in known)}. Write {{{{ and }}}} for braces that are meant."
            )


def text_names(text: str) -> tuple[str, ...]:
    """Give the placeholders of one text.

    Raises:
        InvalidInput: a brace stands alone.
    """
    return _names((text,))


def _group_length(arguments: Sequence[str]) -> int:
    """Count the arguments of the bracket group that begins here; 0 where none does."""
    if not arguments[0].startswith("[") or arguments[0].startswith("[["):
        return 0
    for index, argument in enumerate(arguments):
        if index and argument.startswith("[") and not argument.startswith("[["):
            break
        if argument.endswith("]") and not argument.endswith("]]"):
            return index + 1 if _names(arguments[: index + 1]) else 0
    if not _names(arguments[: index + 1]):
        return 0
    raise InvalidInput(f"The square bracket in `{arguments[0]}` is not closed; write [[ for one that is meant.")


def _names(arguments: Sequence[str]) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for argument in arguments:
        for match in PLACEHOLDER.finditer(argument):
            if match.group(0) in ("{", "}"):
                raise InvalidInput(f"A single brace in `{argument}`; write {{{{ or }}}} for one that is meant.")
            if match.group(1) is not None:
                names[match.group(1)] = None
    return tuple(names)
