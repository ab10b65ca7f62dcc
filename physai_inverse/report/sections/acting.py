"""What acts: shares of the variance, slices and maps around the configuration to use, averages over the space."""

from physai_inverse.report.effects import effect_figure, metric_axis, shares_figure
from physai_inverse.report.figures import places, thinned
from physai_inverse.report.findings import Acting, Findings
from physai_inverse.report.maps import map_figures, uncertainty_title
from physai_inverse.report.markup import Markup, element
from physai_inverse.report.sheet import Section, Sheet, choice, fold, section
from physai_inverse.report.slices import slice_axis, slice_figure
from physai_inverse.report.words import counted, visible

MOST_SLICES = 6
"""How many slices stand open; the rest is folded away."""

MOST_TICKS = 200
"""Values that were trained shown at the foot of an average."""

MOST_BARS = 12
"""Parameters whose shares stand open."""

TIED = (
    "Constraints tie parameters together here: each value is averaged over what is allowed with it, so that a "
    "parameter may show the effect of another, and its first number may exceed its second."
)


def acting_section(found: Findings, sheet: Sheet) -> Section | None:
    """Write what acts on every metric; None where no metric has a forward map."""
    names = list(found.acting)
    if not names:
        return None
    left_out = len(found.fits) - len(names)
    panels = [
        element(
            "div", *_panel(found, sheet, name, found.acting[name]), data_panel=f"acting:{place}", hidden=place > 0
        )
        for place, name in enumerate(names)
    ]
    return section(
        "acting",
        "What acts on it",
        "By the forward map: which parameters matter, and how the metric moves around the configuration to use."
        + (f" Shown for {len(names)} of {len(found.fits)} metrics." if left_out > 0 else ""),
        choice("acting", list(enumerate(names))),
        *panels,
    )


def _panel(found: Findings, sheet: Sheet, name: str, acting: Acting) -> list[Markup | None]:
    tied = f" {TIED}" if found.study.space.constraints else ""
    shown = acting.effects[:MOST_BARS]
    small = len(acting.effects) - len(shown)
    return [
        element("h3", "How much each parameter matters"),
        sheet.figure(
            shares_figure(shown, {}),
            f"Share of the variance of {visible(name)} over the whole space. Solid, first number: the parameter "
            "by itself; pale, second number: together with others."
            + (f" {counted(small, 'parameter')} of smaller shares not shown." if small > 0 else "")
            + tied,
        ),
        _slices(found, sheet, name, acting),
        _surfaces(found, sheet, name, acting),
        _averages(found, sheet, name, acting),
    ]


def _around(found: Findings) -> str:
    return (
        f"trial {found.recommendation.number}, the recommended one"
        if found.recommendation is not None
        else "the latest training that ended well"
    )


def _slices(found: Findings, sheet: Sheet, name: str, acting: Acting) -> Markup | None:
    if not acting.slices:
        return None
    scale = slice_axis(acting.slices, acting.beside, name)
    small = [
        _small(
            found,
            each.parameter,
            sheet.figure(slice_figure(found.study, each, acting.beside[each.parameter], scale)),
        )
        for each in acting.slices
    ]
    rest = small[MOST_SLICES:]
    return element(
        "div",
        element("h3", "One parameter at a time"),
        element(
            "p",
            f"Predicted {visible(name)} (up) against one parameter (across), all others as in {_around(found)} "
            "(upright line). Bands: where the mean of many trainings lies with 50 % and 90 % certainty. Dots: "
            "the trainings whose other parameters are nearest, the stronger the nearer. All panels share one "
            "scale.",
            class_="note above",
        ),
        element("div", *small[:MOST_SLICES], class_="grid"),
        fold(
            f"{counted(len(rest), 'more parameter')}, along which less moves", element("div", *rest, class_="grid")
        )
        if rest
        else None,
        class_="part",
    )


def _surfaces(found: Findings, sheet: Sheet, name: str, acting: Acting) -> Markup | None:
    if not acting.surfaces or found.centre is None:
        return None
    pairs = []
    for surface, beside in acting.surfaces:
        middle, unsure = map_figures(found.study, surface, beside, found.centre)
        first, second = surface.parameters
        pairs.append(
            element(
                "div",
                element("h4", f"{visible(first)} and {visible(second)}"),
                element(
                    "div",
                    _titled(f"{visible(name)}, predicted", sheet.figure(middle)),
                    _titled(uncertainty_title(surface), sheet.figure(unsure)),
                    class_="twin",
                ),
            )
        )
    return element(
        "div",
        element("h3", "Two parameters at a time"),
        element(
            "p",
            f"The pairs that matter most, around {_around(found)} (star). Dots: the trainings "
            "nearest to the map. Left the prediction, right how uncertain it is: where its colour is strong, "
            "the left is a guess.",
            class_="note above",
        ),
        *pairs,
        class_="part",
    )


def _titled(title: str, figure: Markup) -> Markup:
    return element("div", element("p", title, class_="over"), figure)


def _averages(found: Findings, sheet: Sheet, name: str, acting: Acting) -> Markup:
    scale = metric_axis(acting.effects, name)
    small = [
        _small(
            found,
            effect.parameter,
            sheet.figure(effect_figure(found.study, effect, scale, _tried(found, effect.parameter))),
        )
        for effect in acting.effects
        if effect.values
    ]
    return fold(
        "The same averaged over everything else that the space allows",
        element(
            "p",
            f"Predicted {visible(name)} (up) against each parameter (across), averaged over all the others, the "
            "largest effects first; all panels share one scale. Bands: where the average lies with 50 % and 90 "
            "% certainty, at most. Ticks at the foot: values that were trained.",
            class_="note above",
        ),
        element("div", *small, class_="grid"),
    )


def _small(found: Findings, name: str, figure: Markup) -> Markup:
    condition = found.study.space.parameters[name].when
    where = None if condition is None else f"where {visible(str(condition), 40)}"
    title = element("h4", visible(name, 48), None if where is None else element("span", where, class_="meaning"))
    return element("div", title, figure, class_="small")


def _tried(found: Findings, name: str) -> list[float]:
    space = found.study.space
    parameter = space.free[space.names.index(name)]
    tried = sorted(set(places(parameter, [config[name] for config in found.configs if name in config])))
    return [tried[place] for place in thinned(len(tried), MOST_TICKS)]
