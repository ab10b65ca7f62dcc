"""Strategies for property tests: random spaces, with conditions and constraints."""

from hypothesis import strategies as st

from physai_inverse.space import (
    Boolean,
    Choice,
    Constant,
    Declared,
    Float,
    Integer,
    Ordinal,
    Shares,
    Space,
)

finite = st.floats(-1e6, 1e6, allow_nan=False)


@st.composite
def floats(draw: st.DrawFn) -> Float:
    if draw(st.booleans()):
        low = 10.0 ** draw(st.integers(-12, 6))
        return Float(low, low * 10.0 ** draw(st.integers(1, 9)), log=True)
    low = draw(finite)
    return Float(low, low + draw(st.floats(1e-3, 1e6)))


@st.composite
def integers(draw: st.DrawFn) -> Integer:
    if draw(st.booleans()):
        low = draw(st.integers(1, 1000))
        return Integer(low, low + draw(st.integers(1, 10**6)), log=True)
    low = draw(st.integers(-(10**6), 10**6))
    return Integer(low, low + draw(st.integers(1, 10**6)))


values = st.one_of(st.integers(-5, 5), st.text("abc=@ é", min_size=1, max_size=4), st.floats(-2, 2))
lists = st.lists(values, min_size=2, max_size=5, unique_by=lambda value: (isinstance(value, bool), value))
parameters = st.one_of(
    floats(), integers(), lists.map(Choice), lists.map(Ordinal), st.just(Boolean()), values.map(Constant)
)


@st.composite
def shares(draw: st.DrawFn, name: str = "share") -> Shares:
    parts = [f"{name}_{letter}" for letter in "abcdefg"[: draw(st.integers(2, 7))]]
    least: float | dict[str, float] = draw(st.sampled_from([0.0, 0.01, 0.1]))
    if draw(st.booleans()):
        least = {parts[0]: draw(st.floats(0.0, 0.9))}
    return Shares(parts, least)


@st.composite
def spaces(draw: st.DrawFn, max_size: int = 7) -> Space:
    """Draw a space; each parameter may hang on an earlier listed one, to any depth, or be constrained."""
    listed: list[str] = []
    numeric: list[tuple[str, float]] = []
    combined: dict[str, Declared] = {"root": Choice(["a", "b", "c"])}
    listed.append("root")
    for index in range(draw(st.integers(1, max_size))):
        name = f"p{index}"
        parameter: Declared = draw(shares(name) if draw(st.integers(0, 4)) == 4 else parameters)
        if draw(st.booleans()):
            parent = draw(st.sampled_from(listed))
            options = _options(combined[parent])
            allowed = draw(st.lists(st.sampled_from(options), min_size=1, max_size=len(options), unique=True))
            parameter = _with_condition(parameter, {parent: allowed})
        combined[name] = parameter
        if isinstance(parameter, Choice | Ordinal | Boolean):
            listed.append(name)
        if isinstance(parameter, Float | Integer):
            numeric.append((name, (parameter.low + parameter.high) / 2))
    constraints = []
    if numeric and draw(st.booleans()):
        name, middle = draw(st.sampled_from(numeric))
        constraints.append(f"{name} <= {middle!r}")
        if len(numeric) > 1:
            constraints.append(
                f"{numeric[0][0]} + {numeric[1][0]} <= {numeric[0][1] + numeric[1][1]!r} * 2 + 1e15"
            )
    return Space(combined, constraints=constraints)


def _options(parameter: Declared) -> list[object]:
    assert isinstance(parameter, Choice | Ordinal | Boolean)
    return list(parameter.options)


def _with_condition(parameter: Declared, when: dict[str, list[object]]) -> Declared:
    import dataclasses

    return dataclasses.replace(parameter, when=when)
