"""Expressions between parameters, or metrics, such as `width * depth <= 2048`, in a small safe grammar.

The text is parsed to a syntax tree, every node is checked against the short list below, and the tree is
walked with numpy: nothing is ever compiled or run. Numbers, quoted texts, names (dots allowed), `+ - * / **`,
comparisons (chains too), `in [..]`, `and`, `or`, `not`, and the functions of `FUNCTIONS`.
"""

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from physai_inverse.errors import InvalidInput

if TYPE_CHECKING:
    import numpy as np

MAX_LENGTH = 500
"""Characters; far above any sensible constraint, far below what could exhaust the parser."""

FUNCTIONS = ("abs", "exp", "log", "log2", "log10", "max", "min", "sqrt")

_GRAMMAR = "names, numbers, + - * / **, < <= > >= == !=, in [..], and, or, not, " + ", ".join(FUNCTIONS)


@dataclass(frozen=True)
class Expression:
    """A parsed expression.

    Args:
        text: the expression.

    Raises:
        InvalidInput: the text is no expression of the grammar; points at the place.
    """

    text: str

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text.strip():
            raise InvalidInput(f"An expression must be a text such as 'width * depth <= 2048', not {self.text!r}.")
        if len(self.text) > MAX_LENGTH:
            raise InvalidInput(f"An expression may have {MAX_LENGTH} characters, not {len(self.text)}.")
        try:
            tree = ast.parse(self.text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise InvalidInput(
                f"Cannot read the expression {self.text!r}: {error}. It may use {_GRAMMAR}."
            ) from error
        object.__setattr__(self, "_tree", tree)
        self._check(tree)

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that the expression speaks of."""
        tree: ast.expr = self.__dict__["_tree"]
        found: set[str] = set()
        _collect(tree, found)
        return frozenset(found)

    @property
    def is_condition(self) -> bool:
        """Whether the expression is true or false rather than a number."""
        return _is_condition(self.__dict__["_tree"])

    @cached_property
    def line(self) -> tuple[str, float, float] | None:
        """Name, slope and offset of a straight line in one name, such as `1 - 2 * loss`; None for other forms."""
        terms = _terms(self.__dict__["_tree"])
        if terms is None:
            return None
        sloping = [name for name, slope in terms.items() if name and slope]
        values = [terms.get("", 0.0), *terms.values()]
        if len(sloping) != 1 or len(self.names) != 1 or not all(math.isfinite(value) for value in values):
            return None
        return sloping[0], terms[sloping[0]], terms.get("", 0.0)

    def evaluate(self, values: Mapping[str, Any]) -> "np.ndarray":
        """Evaluate for arrays or single values.

        Args:
            values: name to value or ``[n]`` array, for every one of `names`.

        Returns:
            ``[n]`` or scalar array; what is not defined (a logarithm of zero, 0/0) is infinite or NaN, and a
            comparison with NaN is false.

        Raises:
            InvalidInput: a name is missing, or an operation does not fit the type of a value.
        """
        import numpy as np

        missing = self.names - set(values)
        if missing:
            raise InvalidInput(f"The expression {self.text!r} needs {sorted(missing)}, which have no value here.")
        try:
            with np.errstate(all="ignore"):
                return np.asarray(_walk(self.__dict__["_tree"], values, np))
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"The expression {self.text!r} does not fit its values: {error}.") from error

    def _check(self, node: ast.AST) -> None:
        allowed = (
            ast.BinOp | ast.UnaryOp | ast.BoolOp | ast.Compare | ast.Call | ast.Name | ast.Attribute | ast.Constant
        )
        if not isinstance(node, allowed):
            self._refuse(node, f"{type(node).__name__.lower()} is not part of the grammar")
        if isinstance(node, ast.Constant):
            if isinstance(node.value, bool | int | float | str) and not isinstance(node.value, complex):
                return
            self._refuse(node, f"{node.value!r} is neither number nor text")
        elif isinstance(node, ast.Attribute):
            if _dotted(node) is None:
                self._refuse(node, "a dot may only stand inside a name")
        elif isinstance(node, ast.BinOp):
            if not isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.Div | ast.Pow):
                self._refuse(node, f"the operator {type(node.op).__name__} is not part of the grammar")
            self._check(node.left)
            self._check(node.right)
        elif isinstance(node, ast.UnaryOp):
            if not isinstance(node.op, ast.USub | ast.UAdd | ast.Not):
                self._refuse(node, f"the operator {type(node.op).__name__} is not part of the grammar")
            self._check(node.operand)
        elif isinstance(node, ast.BoolOp):
            for value in node.values:
                self._check(value)
        elif isinstance(node, ast.Compare):
            self._check(node.left)
            for operator, right in zip(node.ops, node.comparators, strict=True):
                if isinstance(operator, ast.In | ast.NotIn):
                    if not isinstance(right, ast.List | ast.Tuple) or not all(
                        isinstance(item, ast.Constant) for item in right.elts
                    ):
                        self._refuse(right, "`in` needs a list of values such as ['a', 'b']")
                elif isinstance(operator, ast.Is | ast.IsNot):
                    self._refuse(node, "`is` is not part of the grammar; write ==")
                else:
                    self._check(right)
        elif isinstance(node, ast.Call):
            known = isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS
            if not known or node.keywords or not node.args:
                self._refuse(node, f"only these functions are known: {', '.join(FUNCTIONS)}")
            if isinstance(node.func, ast.Name) and node.func.id not in ("max", "min") and len(node.args) != 1:
                self._refuse(node, f"{node.func.id} takes one argument")
            for argument in node.args:
                self._check(argument)

    def _refuse(self, node: ast.AST, why: str) -> None:
        column = getattr(node, "col_offset", 0) + 1
        raise InvalidInput(
            f"Cannot use the expression {self.text!r}: {why} (at character {column}). It may use {_GRAMMAR}."
        )


def _is_condition(node: ast.expr) -> bool:
    if isinstance(node, ast.BoolOp):
        return all(_is_condition(value) for value in node.values)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return _is_condition(node.operand)
    return isinstance(node, ast.Compare) or (isinstance(node, ast.Constant) and isinstance(node.value, bool))


def _terms(node: ast.expr) -> dict[str, float] | None:
    """Give the slope of every name, and the offset under the empty name; None where the node is not linear."""
    if isinstance(node, ast.Constant):
        number = isinstance(node.value, int | float) and not isinstance(node.value, bool)
        return {"": float(_walk(node, {}, None))} if number and abs(node.value) < 2**1000 else None  # type: ignore[arg-type]  # a number
    name = _dotted(node)
    if name is not None:
        return {name: 1.0}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        inner = _terms(node.operand)
        sign = -1.0 if isinstance(node.op, ast.USub) else 1.0
        return None if inner is None else {name: sign * value for name, value in inner.items()}
    if not isinstance(node, ast.BinOp):
        return None
    left, right = _terms(node.left), _terms(node.right)
    if left is None or right is None:
        return None
    if isinstance(node.op, ast.Add | ast.Sub):
        sign = -1.0 if isinstance(node.op, ast.Sub) else 1.0
        return {name: left.get(name, 0.0) + sign * right.get(name, 0.0) for name in dict.fromkeys((*left, *right))}
    if isinstance(node.op, ast.Mult) and set(left) == {""}:
        left, right = right, left
    if isinstance(node.op, ast.Mult | ast.Div) and set(right) == {""}:
        factor = right[""]
        if isinstance(node.op, ast.Div):
            if factor == 0:
                return None
            return {name: value / factor for name, value in left.items()}
        return {name: value * factor for name, value in left.items()}
    return None


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        head = _dotted(node.value)
        return None if head is None else f"{head}.{node.attr}"
    return None


def _collect(node: ast.AST, found: set[str]) -> None:
    name = _dotted(node) if isinstance(node, ast.Name | ast.Attribute) else None
    if name is not None:
        found.add(name)
    elif isinstance(node, ast.Call):
        for argument in node.args:
            _collect(argument, found)
    else:
        for part in ast.iter_child_nodes(node):
            _collect(part, found)


def _walk(node: ast.expr, values: Mapping[str, Any], np: Any) -> Any:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, int) and not isinstance(node.value, bool):
            return float(node.value) if abs(node.value) < 2**1000 else np.inf
        return node.value
    if isinstance(node, ast.Name | ast.Attribute):
        return _as_operand(values[_dotted(node) or ""], np)
    if isinstance(node, ast.UnaryOp):
        operand = _walk(node.operand, values, np)
        if isinstance(node.op, ast.Not):
            return np.logical_not(operand)
        return -operand if isinstance(node.op, ast.USub) else operand
    if isinstance(node, ast.BinOp):
        operation: Callable[[Any, Any], Any] = {
            ast.Add: np.add,
            ast.Sub: np.subtract,
            ast.Mult: np.multiply,
            ast.Div: np.true_divide,
            ast.Pow: np.power,
        }[type(node.op)]
        return operation(*(np.asarray(_walk(side, values, np), dtype=float) for side in (node.left, node.right)))
    if isinstance(node, ast.BoolOp):
        parts = [np.asarray(_walk(value, values, np), dtype=bool) for value in node.values]
        combine = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        return combine.reduce(np.broadcast_arrays(*parts))
    if isinstance(node, ast.Call):
        arguments = [np.asarray(_walk(argument, values, np), dtype=float) for argument in node.args]
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in ("max", "min"):
            return (np.maximum if name == "max" else np.minimum).reduce(np.broadcast_arrays(*arguments))
        return getattr(np, name)(arguments[0])
    if isinstance(node, ast.Compare):
        left = _walk(node.left, values, np)
        result: Any = True
        for operator, comparator in zip(node.ops, node.comparators, strict=True):
            right: Any = (
                [_walk(item, values, np) for item in comparator.elts]
                if isinstance(comparator, ast.List | ast.Tuple)
                else _walk(comparator, values, np)
            )
            result = np.logical_and(result, _compare(operator, left, right, np))
            left = right
        return result
    raise AssertionError(f"unchecked node {node!r}")


def _compare(operator: ast.cmpop, left: Any, right: Any, np: Any) -> Any:
    if isinstance(operator, ast.In | ast.NotIn):
        inside = np.logical_or.reduce([np.asarray(left == item, dtype=bool) for item in right])
        return np.logical_not(inside) if isinstance(operator, ast.NotIn) else inside
    if isinstance(operator, ast.Eq | ast.NotEq):
        equal = np.asarray(np.asarray(left, dtype=object) == np.asarray(right, dtype=object), dtype=bool)
        return np.logical_not(equal) if isinstance(operator, ast.NotEq) else equal
    left, right = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
    if isinstance(operator, ast.Lt):
        return left < right
    if isinstance(operator, ast.LtE):
        return left <= right
    return left > right if isinstance(operator, ast.Gt) else left >= right


def _as_operand(value: Any, np: Any) -> Any:
    array = np.asarray(value)
    return array if array.dtype.kind in "fOUSb" else array.astype(float)
