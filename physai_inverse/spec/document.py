"""A YAML 1.2 file as plain mappings, lists and scalars, each with the place where it stands.

The file is composed to nodes and no further: no tag of it makes an object. What a study file cannot hold (other
tags, other keys than texts, a key twice, thousands of aliased nodes) is refused here, with its place.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from physai_inverse.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node

MAX_BYTES = 1_000_000
MAX_NODES = 20_000
"""Nodes with aliases counted as often as they are used, so that few lines cannot become billions of values."""

MAX_DEPTH = 20

Keys: TypeAlias = tuple[str | int, ...]
"""The way from the top of the file to a value: keys of mappings and indices of lists."""

Place: TypeAlias = tuple[int, int]
"""Line and column, from 1."""

PREFIX = "tag:yaml.org,2002:"


class InvalidStudyFile(InvalidInput):
    """A study file that cannot be meant.

    Args:
        problems: one line each, `file:line:column: key: what was expected, what came, what to do`.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems

    def __reduce__(self) -> tuple[type["InvalidStudyFile"], tuple[tuple[str, ...]]]:
        return type(self), (self.problems,)


@dataclass(frozen=True)
class Document:
    """The content of a file with places.

    Args:
        name: of the file, as the user gave it.
        content: the top mapping.
        values: where each value stands.
        keys: where the key of each value stands; list items have none.
    """

    name: str
    content: dict[str, object]
    values: Mapping[Keys, Place]
    keys: Mapping[Keys, Place]

    def line(self, keys: Keys, problem: str, *, at_key: bool = False) -> str:
        """Write a problem as one line that names the place, or the nearest place around it that is known."""
        first, second = (self.keys, self.values) if at_key else (self.values, self.keys)
        place, known = (1, 1), keys
        while known:
            if known in first or known in second:
                place = first.get(known) or second[known]
                break
            known = known[:-1]
        name = dotted(keys)
        return f"{self.name}:{place[0]}:{place[1]}: {name + ': ' if name else ''}{' '.join(problem.split())}"


def dotted(keys: Keys) -> str:
    """Write the way to a value, such as `space.lr.low` or `constraints[0]`."""
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


def read_bytes(path: Path) -> bytes:
    """Read a study file.

    Raises:
        NotFound: there is no such file.
        InvalidInput: it is a folder, cannot be read, or is longer than `MAX_BYTES`.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFound(
            f"There is no study file `{path}`. Give its path, or write one with `physai-inverse init {path}`."
        ) from error
    except IsADirectoryError as error:
        raise InvalidInput(f"`{path}` is a folder; give the path of a study file in it.") from error
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise InvalidInput(f"The study file `{path}` cannot be read: {said}.") from error
    if len(content) > MAX_BYTES:
        raise InvalidInput(
            f"`{path}` is larger than the {MAX_BYTES // 1000} kB that a study file may have; is it the right file?"
        )
    return content


def read_document(name: str, content: bytes) -> Document:
    """Read a study file's content.

    Raises:
        InvalidStudyFile: it is no text, no YAML, no mapping, or holds what a study file cannot; all duplicate keys
            and the like are named at once.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InvalidStudyFile(
            (f"{name}:{line}:1: expected a YAML text in UTF-8, got the byte 0x{content[error.start]:02x}.",)
        ) from error
    try:
        node = YAML(typ="safe", pure=True).compose(StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise InvalidStudyFile((f"{name}:{place}: this is no YAML: {' '.join(said.split())}.",)) from error
    except YAMLError as error:  # a character that no text may have
        said = " ".join(str(error).split())
        raise InvalidStudyFile((f"{name}:1:1: this is no YAML: {said}.",)) from error
    except (RecursionError, ValueError) as error:
        raise InvalidStudyFile((f"{name}:1:1: this YAML is nested too deeply or cannot be read.",)) from error
    if node is None:
        raise InvalidStudyFile(
            (f"{name}:1:1: expected keys such as `space`, `objective` and `trainer`, got an empty file.",)
        )
    if node.id != "mapping":
        kind = {"sequence": "a list", "scalar": "one value"}[node.id]
        raise InvalidStudyFile(
            (
                f"{name}:{node.start_mark.line + 1}:{node.start_mark.column + 1}: expected keys such as `space:`, "
                f"`objective:` and `trainer:` at the top, got {kind}.",
            )
        )
    reader = _Reader(name)
    found = reader.value(node, (), 0)
    if reader.problems:
        raise InvalidStudyFile(tuple(reader.problems))
    assert isinstance(found, dict)
    return Document(name, found, reader.values, reader.keys)


@dataclass
class _Reader:
    name: str
    values: dict[Keys, Place] = field(default_factory=dict)
    keys: dict[Keys, Place] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    nodes: int = 0

    def value(self, node: "Node", keys: Keys, depth: int) -> object:
        from ruamel.yaml.nodes import MappingNode, SequenceNode

        self.values[keys] = _place(node)
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            what = f"nested more than {MAX_DEPTH} deep" if depth > MAX_DEPTH else f"more than {MAX_NODES} values"
            raise InvalidStudyFile((self._line(node, keys, f"a study file cannot be {what}."),))
        if isinstance(node, MappingNode):
            return {key: self.value(item, (*keys, key), depth + 1) for key, item in self._items(node, keys)}
        if isinstance(node, SequenceNode):
            return [self.value(item, (*keys, index), depth + 1) for index, item in enumerate(node.value)]
        return self._scalar(node, keys)

    def _items(self, node: "Node", keys: Keys) -> "Iterator[tuple[str, Node]]":
        seen: dict[str, int] = {}
        for key, item in node.value:
            if key.id != "scalar" or key.tag not in (f"{PREFIX}str", f"{PREFIX}timestamp"):
                written = key.value if key.id == "scalar" else f"a {key.id}"
                advice = "write the keys out" if key.value == "<<" else f'a name goes in quotes: "{written}"'
                self._add(key, keys, f"expected a name as key, got {written}; {advice}.")
                continue
            name = str(key.value)
            if name in seen:
                self._add(key, (*keys, name), f"this key stands twice; the first is in line {seen[name]}.")
                continue
            seen[name] = key.start_mark.line + 1
            self.keys[(*keys, name)] = _place(key)
            yield name, item

    def _scalar(self, node: "Node", keys: Keys) -> object:
        tag, text = str(node.tag).removeprefix(PREFIX), str(node.value)
        try:
            if tag == "null":
                return None
            if tag == "bool":
                return text.lower() in ("true", "yes", "on")
            if tag == "int":
                return _integer(text.replace("_", ""))
            if tag == "float":
                return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
        except ValueError:
            self._add(node, keys, f"cannot read {text[:40]!r} as a number.")
            return None
        if tag not in ("str", "timestamp", "!"):
            self._add(node, keys, f"a study file knows no tags such as {node.tag}; remove it.")
        return text

    def _add(self, node: "Node", keys: Keys, problem: str) -> None:
        self.problems.append(self._line(node, keys, problem))

    def _line(self, node: "Node", keys: Keys, problem: str) -> str:
        line, column = _place(node)
        name = dotted(keys)
        return f"{self.name}:{line}:{column}: {name + ': ' if name else ''}{problem}"


def _place(node: "Node") -> Place:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _integer(text: str) -> int:
    digits = text.lstrip("+-").lower()
    return int(text, 0) if digits.startswith(("0x", "0o", "0b")) else int(text)
