"""The columns of a CSV file: what each of them is, and a row of cells by that."""

from collections.abc import Mapping, Sequence

from physai_inverse.errors import InvalidInput
from physai_inverse.importers.cells import is_number_cell, read_number_cell, unguard
from physai_inverse.importers.forms import read_value
from physai_inverse.importers.records import ALIASES, FIELDS
from physai_inverse.observations import Measurement, Metric, Scalar, check_name
from physai_inverse.space import Constant, Space

Row = tuple[dict[str, Scalar], dict[str, Metric], dict[str, object]]

ROLES = ("parameter", "metric", "standard_error", "censored", "field")


class ColumnTable:
    """What each column of a file is.

    Args:
        header: the first row.
        rows: the others; a column of which no cell is a number is no metric.
        space: names the parameters.
        mapping: column to what it is; empty to leave it out.

    Raises:
        InvalidInput: a column stands twice, or cannot be what it is said to be; or a parameter has no column.
    """

    def __init__(
        self, header: Sequence[str], rows: Sequence[Sequence[str]], space: Space, mapping: Mapping[str, str]
    ) -> None:
        self.notes: list[str] = []
        self._space = space
        names = [unguard(cell.strip()) for cell in header]
        twice = sorted({name for name in names if name and names.count(name) > 1})
        if twice:
            raise InvalidInput(f"The column `{twice[0]}` stands twice in the file; rename one of them.")
        missing = [column for column in mapping if column not in names]
        if missing:
            raise InvalidInput(f"The file has no column `{missing[0]}` to map; it has {', '.join(names)}.")
        self._columns: list[tuple[str, str]] = []
        for place, name in enumerate(names):
            role = self._role(name, names, mapping)
            if role == ("metric", name) and not any(
                is_number_cell(row[place]) for row in rows if len(row) > place
            ):
                self.notes.append(f"the column `{name}` holds no numbers and was left out")
                role = ("", "")
            if role[0] and role in self._columns:
                raise InvalidInput(f"Two columns are {role[0]} `{role[1]}`; leave one out with --map {name}=.")
            self._columns.append(role)
        given = {name for role, name in self._columns if role == "parameter"}
        needed = [
            name
            for name, parameter in space.parameters.items()
            if not isinstance(parameter, Constant) and parameter.when is None and parameter.default is None
        ]
        absent = [name for name in needed if name not in given]
        if absent:
            raise InvalidInput(
                f"The file has no column for the parameter `{absent[0]}`; it has {', '.join(names)}. "
                f"Name the column that holds it: --map COLUMN={absent[0]}."
            )

    def row(self, cells: Sequence[str]) -> Row:
        """Take a row apart: configuration, metrics, fields.

        Raises:
            InvalidInput: it has another number of cells, or a cell is not what its column is.
        """
        if len(cells) != len(self._columns):
            raise InvalidInput(f"expected {len(self._columns)} cells as in the header, got {len(cells)}.")
        config: dict[str, Scalar] = {}
        numbers: dict[str, float] = {}
        errors: dict[str, float] = {}
        censored: dict[str, str] = {}
        fields: dict[str, object] = {}
        for (role, name), cell in zip(self._columns, cells, strict=True):
            if not role or cell == "":
                continue
            if role == "parameter":
                try:
                    config[name] = read_value(self._space, name, unguard(cell))
                except InvalidInput as error:
                    raise InvalidInput(f"`{name}`: {error}.") from error
            elif role == "field":
                fields[name] = unguard(cell)
            elif role == "censored":
                censored[name] = cell
            else:
                try:
                    (numbers if role == "metric" else errors)[name] = read_number_cell(cell)
                except ValueError as error:
                    raise InvalidInput(f"`{name}`: expected a number, got {cell[:60]!r}.") from error
        orphans = sorted((errors.keys() | censored.keys()) - numbers.keys())
        if orphans:
            raise InvalidInput(f"`{orphans[0]}` has a standard error or a bound, and no value.")
        metrics: dict[str, Metric] = {
            name: Measurement(number, errors.get(name), censored.get(name))
            if name in errors or name in censored
            else number
            for name, number in numbers.items()
        }
        return config, metrics, fields

    def _role(self, name: str, names: Sequence[str], mapping: Mapping[str, str]) -> tuple[str, str]:
        target = mapping.get(name, name)
        if not target:
            if name in mapping:
                self.notes.append(f"the column `{name}` was left out as asked")
            return "", ""
        role, _, rest = target.partition(":")
        # A parameter called like a field is written with its prefix, and the bare name is then the field.
        if target in self._space.parameters and not (target in FIELDS and f"parameter:{target}" in names):
            return "parameter", target
        if role in ROLES[:4] and rest:
            if role == "parameter" and rest not in self._space.parameters:
                raise InvalidInput(f"`{target}`: the space has {', '.join(self._space.parameters)}.")
            return role, check_name(rest, "metric")
        target = ALIASES.get(target, target)
        if target in FIELDS:
            return "field", target
        if name in mapping:
            raise InvalidInput(
                f"`{name}` cannot be mapped to `{target}`: write a parameter "
                f"({', '.join(self._space.parameters)}), metric:NAME, or one of {', '.join(FIELDS)}."
            )
        return "metric", check_name(name, "metric")
