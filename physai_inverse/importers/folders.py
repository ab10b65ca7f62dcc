"""Folders of runs: what lies in them, in a fixed order, and small files of settings."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from physai_inverse.errors import InvalidInput

MAX_ENTRIES = 500_000
"""Files and folders that are looked at, so that `/` is refused and not searched for hours."""
MAX_SETTINGS = 10_000_000


def walk(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Give every folder below one with its folders and files, sorted; links to folders are not followed.

    Raises:
        InvalidInput: the folder cannot be read, or holds too much.
    """
    seen = 0

    def refuse(error: OSError) -> None:
        raise InvalidInput(f"`{error.filename}` cannot be read: {error.strerror}.") from error

    for place, folders, files in os.walk(folder, onerror=refuse):
        folders.sort(key=_natural)
        seen += len(folders) + len(files)
        if seen > MAX_ENTRIES:
            raise InvalidInput(
                f"`{folder}` holds more than {MAX_ENTRIES} files; give the folder of the runs in it."
            )
        yield Path(place), folders, sorted(files, key=_natural)


def read_settings(path: Path) -> Mapping[str, object]:
    """Read a JSON or YAML file of settings. Tags of YAML make no objects: such a value is its text.

    Raises:
        InvalidInput: it cannot be read, or holds no mapping.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_SETTINGS)
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise InvalidInput(f"`{path}` cannot be read: {said}.") from error
    try:
        found = json.loads(text) if path.suffix == ".json" else read_yaml(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            f"`{path}`: expected settings, and cannot read them: {' '.join(str(error).split())}."
        ) from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InvalidInput(f"`{path}`: expected names with values, got {type(found).__name__}.")
    return {str(key): value for key, value in found.items()}


def read_yaml(text: str) -> object:
    """Read YAML 1.2 without making an object of any tag.

    Raises:
        ValueError: it is no YAML.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except YAMLError as error:
        raise ValueError(" ".join(str(error).split())[:200]) from error
    return None if node is None else _value(node, 0)


def _natural(name: str) -> list[tuple[int, str]]:
    """Order `version_10` after `version_9`."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


def _value(node: object, depth: int) -> object:
    from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

    if depth > 20:
        raise ValueError("it is nested more than 20 deep")
    if isinstance(node, MappingNode):
        return {str(key.value): _value(item, depth + 1) for key, item in node.value}
    if isinstance(node, SequenceNode):
        return [_value(item, depth + 1) for item in node.value]
    assert isinstance(node, ScalarNode)
    tag, text = str(node.tag).rpartition(":")[2], str(node.value)
    try:
        if tag == "int":
            return (
                int(text.replace("_", ""), 0)
                if text.lower().startswith(("0x", "0o"))
                else int(text.replace("_", ""))
            )
        if tag == "float":
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return text
    if tag == "null":
        return None
    return text.lower() == "true" if tag == "bool" else text
