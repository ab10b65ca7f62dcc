"""Ax's search space in our words, and its arms both ways.

Names are replaced (`x0`, `x1`, ...), since Ax takes any text and our expressions take names. Fixed, disabled and
derived parameters are no part of the space: they are added to what is proposed. Dependent parameters become
conditions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ax.core.parameter import ChoiceParameter, DerivedParameter, FixedParameter, Parameter, RangeParameter
from ax.core.parameter_constraint import ParameterConstraint
from ax.core.search_space import SearchSpace
from ax.core.types import TParameterization, TParamValue
from ax.exceptions.core import UnsupportedError

from physai_inverse.adapters.asking import fitted_config
from physai_inverse.observations import Scalar
from physai_inverse.space import Boolean, Choice, Float, Integer, Ordinal, Space
from physai_inverse.space.parameters import FreeParameter


@dataclass(frozen=True)
class AxSpace:
    """A search space of Ax.

    Args:
        search_space: the space.
    """

    search_space: SearchSpace

    @property
    def _parameters(self) -> dict[str, Parameter]:
        return self.search_space.parameters

    @cached_property
    def ids(self) -> dict[str, str]:
        """Ax's names of the parameters that vary, to ours."""
        varying = [name for name, parameter in self._parameters.items() if _varies(parameter)]
        return {name: f"x{place}" for place, name in enumerate(varying)}

    @cached_property
    def space(self) -> Space:
        """The space.

        Raises:
            UnsupportedError: nothing in it varies, or a constraint on parameters is an equality.
        """
        if not self.ids:
            raise UnsupportedError("No parameter of the search space varies; there is nothing to propose.")
        parameters = {
            ours: _parameter(self._parameters[name], self._conditions[name]) for name, ours in self.ids.items()
        }
        constraints = [self._constraint(constraint) for constraint in self.search_space.parameter_constraints]
        return Space(parameters, constraints=[text for text in constraints if text is not None])

    def _constraint(self, constraint: ParameterConstraint) -> str | None:
        if getattr(constraint, "is_equality", False):
            raise UnsupportedError(f"{constraint!r} is an equality; express one of its parameters by the others.")
        bound, weights = float(constraint.bound), dict.fromkeys(self.ids, 0.0)
        for name, weight in constraint.constraint_dict.items():
            parameter = self._parameters[name]
            if name in self.ids:
                weights[name] += float(weight)
            elif isinstance(parameter, DerivedParameter):
                bound -= float(weight) * parameter.intercept
                for source, share in parameter.parameter_names_to_weights.items():
                    weights[source] += float(weight) * share
            else:
                bound -= float(weight) * float(_held(parameter))  # type: ignore[arg-type]  # constraints are on numbers
        terms = [f"{weight!r} * {self.ids[name]}" for name, weight in weights.items() if weight]
        return f"{' + '.join(terms)} <= {bound!r}" if terms else None

    @cached_property
    def _conditions(self) -> dict[str, dict[str, list[Scalar]]]:
        """Name to the condition of the parameter in our words: values of its nearest parent that varies."""
        conditions: dict[str, dict[str, list[Scalar]]] = {}

        def visit(name: str, condition: dict[str, list[Scalar]]) -> None:
            conditions[name] = condition
            parameter = self._parameters[name]
            if not parameter.is_hierarchical:
                return
            for value, children in parameter.dependents.items():
                for child in children:
                    if name in self.ids:
                        ours = self.ids[name]
                        already = conditions.get(child, {}).get(ours, [])
                        visit(child, {ours: [*already, _plain(parameter, value)]})
                    elif value == _held(parameter):
                        visit(child, condition)

        for name in self.search_space.top_level_parameters:
            visit(name, {})
        return conditions

    def read(self, parameters: Mapping[str, TParamValue]) -> dict[str, Scalar] | None:
        """Take the parameters of an arm; None where they do not fit the space as it is now."""
        known = {**self.search_space.backfill_values(), **parameters}
        values = {
            ours: _plain(self._parameters[name], known[name])
            for name, ours in self.ids.items()
            if known.get(name) is not None
        }
        there = {ours: value for ours, value in values.items() if self._is_there(ours, values)}
        return fitted_config(self.space, there)

    def _is_there(self, ours: str, values: Mapping[str, Scalar]) -> bool:
        condition = self.space.parameters[ours].when
        return condition is None or all(
            parent in values and values[parent] in allowed and self._is_there(parent, values)
            for parent, allowed in condition.allowed  # type: ignore[union-attr]  # the space keeps conditions parsed
        )

    def write(self, config: Mapping[str, Scalar]) -> TParameterization:
        """Give one of our configurations as the parameters of an arm, with the fixed and the derived ones."""
        found: TParameterization = {}
        for name, parameter in self._parameters.items():
            if name in self.ids:
                if self.ids[name] in config:
                    found[name] = parameter.cast(config[self.ids[name]])
            elif not isinstance(parameter, DerivedParameter) and self._is_held(name, config):
                found[name] = _held(parameter)
        for name, parameter in self._parameters.items():
            if isinstance(parameter, DerivedParameter):
                found[name] = parameter.compute(found)
        return {name: found[name] for name in self._parameters if name in found}

    def _is_held(self, name: str, config: Mapping[str, Scalar]) -> bool:
        condition = self._conditions.get(name)
        return condition is not None and all(
            config.get(parent) in allowed for parent, allowed in condition.items()
        )


def _varies(parameter: Parameter) -> bool:
    return isinstance(parameter, RangeParameter | ChoiceParameter) and not getattr(parameter, "is_disabled", False)


def _held(parameter: Parameter) -> TParamValue:
    return parameter.value if isinstance(parameter, FixedParameter) else parameter.default_value


def _plain(parameter: Parameter, value: TParamValue) -> Scalar:
    plain = parameter.cast(value)
    assert plain is not None
    return plain


def _parameter(parameter: Parameter, when: dict[str, list[Scalar]]) -> FreeParameter:
    condition = when or None
    if isinstance(parameter, RangeParameter):
        if parameter.python_type is int:
            return Integer(int(parameter.lower), int(parameter.upper), parameter.log_scale, when=condition)
        return Float(float(parameter.lower), float(parameter.upper), parameter.log_scale, when=condition)
    assert isinstance(parameter, ChoiceParameter)
    values = [_plain(parameter, value) for value in parameter.values]
    if set(values) == {False, True} and all(isinstance(value, bool) for value in values):
        return Boolean(when=condition)
    if parameter.is_ordered and len(values) > 2:
        return Ordinal(values, when=condition)
    return Choice(values, when=condition)
