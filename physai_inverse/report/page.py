"""The page that a run ends with: one HTML file that needs nothing else, not even a network.

It says first what a meeting wants to know, then how it came about, then why to believe it. Texts from outside
(names, values, reasons) are escaped; the page's policy lets no script run but the two that it brings.
"""

import base64
import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from physai_inverse.errors import MissingPackage
from physai_inverse.files import write_text
from physai_inverse.report.effects import effect_figure, metric_axis, shares_figure
from physai_inverse.report.figures import DARK, Figure, places
from physai_inverse.report.findings import Findings, gather
from physai_inverse.report.headline import headline
from physai_inverse.report.markup import Markup, element, embedded, join
from physai_inverse.report.progress import plot_progress
from physai_inverse.report.tables import GRADES, answer_tables, digits, failure_table, score_table, trial_table
from physai_inverse.report.tradeoffs import plot_tradeoff
from physai_inverse.report.trust import predicted_figure
from physai_inverse.report.words import arrow, number, percent, trust, visible
from physai_inverse.study import Answer, Campaign, Study

TIED = (
    "Constraints tie parameters together here: each value is averaged over what is allowed with it, so that a "
    "parameter may show the effect of another, and its first number may exceed its second."
)

MAX_TRADEOFFS = 6
"""How many trade-offs stand open; the rest is folded away."""


def write_report(
    study: Study,
    path: str | Path,
    *,
    baseline: Study | None = None,
    campaign: Campaign | None = None,
    answers: Sequence[Answer] = (),
    labels: Mapping[str, str] | None = None,
) -> Path:
    """Write everything known of a study as one HTML file.

    Args:
        study: the study; it may hold anything from no trial on.
        path: the file; its folder must exist. It is replaced as a whole.
        baseline: random search on the same problem, drawn beside the study.
        campaign: what a campaign found, with the trainings on fresh seeds.
        answers: answers to inverse queries, listed with their configurations.
        labels: parameter or metric to a few words that say what it means; shown beside the name.

    Returns:
        The path.

    Raises:
        StoreUnavailable: the file cannot be written.
        MissingPackage: plotly is not installed.
    """
    found = gather(study, baseline=baseline, campaign=campaign, answers=answers, labels=labels or {})
    target = Path(path)
    write_text(target, _Page(found).html())
    return target


class _Page:
    """A page in the making: its sections, and the figures that they place."""

    def __init__(self, found: Findings) -> None:
        self.found = found
        self.figures: list[Figure] = []

    def html(self) -> str:
        found = self.found
        sections = [
            section
            for section in (
                self._progress(),
                self._trust(),
                self._effects(),
                self._tradeoffs(),
                self._answers(),
                self._failures(),
                self._trials(),
            )
            if section is not None
        ]
        library, script = _plotly(), _own("page.js")
        contents = element(
            "nav",
            *(element("a", title, href=f"#{key}") for key, title, _ in sections),
            element("button", "Dark", type="button", id="theme", title="Switch between light and dark"),
        )
        head = element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", http_equiv="Content-Security-Policy", content=_policy(library, script)),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name="color-scheme", content="light dark"),
            element("title", f"{visible(found.study.name)} · study report"),
            element("style", Markup(_own("page.css"))),
        )
        body = element(
            "body",
            contents,
            element("main", headline(found), *(body for _, _, body in sections), _foot()),
            element(
                "noscript",
                element("p", "The figures need JavaScript; the texts and tables do not.", class_="caution"),
            ),
            element(
                "script",
                embedded({"figures": self.figures, "dark": DARK}),
                type="application/json",
                id="figures",
            ),
            element("script", Markup(library)),
            element("script", Markup(script)),
        )
        return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"

    def _figure(self, figure: Figure, caption: str | None = None, *, legend: bool = True) -> Markup:
        """Place a figure; the height is kept free so that nothing jumps when it is drawn."""
        self.figures.append(figure)
        layout = figure["layout"]
        assert isinstance(layout, dict)
        if not legend:
            layout["showlegend"] = False
        return element(
            "figure",
            element(
                "div",
                class_="plot",
                data_figure=len(self.figures) - 1,
                style=f"height:{layout['height']}px",
            ),
            None if caption is None else element("figcaption", caption),
        )

    def _progress(self) -> "tuple[str, str, Markup] | None":
        found, study = self.found, self.found.study
        if not any(trial.state.finished for trial in found.trials):
            return None
        wishes = study.objective.wishes
        title = "Progress"
        if not wishes:
            figures = [
                self._figure(plot_progress(study, found.baseline), "Trainings that met every limit, added up.")
            ]
        else:
            figures = [
                self._figure(
                    plot_progress(study, found.baseline, metric=wish.metric),
                    f"Best {wish.metric} so far ({arrow(wish)}). Dots are single trainings"
                    + (", hollow where a limit is broken" if study.objective.limits else "")
                    + ("; crosses at the foot are failed ones." if self._any_failed() else "."),
                )
                for wish in wishes
            ]
        return _section("progress", title, "How fast good configurations were found.", *figures)

    def _any_failed(self) -> bool:
        found = self.found
        studies = [study for study in (found.study, found.baseline) if study is not None]
        return any(trial.state.bad for study in studies for trial in study.trials)

    def _trust(self) -> "tuple[str, str, Markup] | None":
        found = self.found
        if not found.metrics:
            return None
        shown = [(place, name) for place, name in enumerate(found.metrics) if name in found.scores]
        panels = [
            element(
                "div",
                self._figure(
                    predicted_figure(found.scores[name], name),
                    "Each training predicted from the others; bars are 90 % intervals. The nearer to the dotted "
                    "line the better, and about nine of ten bars should cross it.",
                ),
                self._reading(name),
                class_="side",
                data_panel=f"trust:{place}",
                hidden=place != shown[0][0],
            )
            for place, name in shown
        ]
        choice = self._choice("trust", [(place, name) for place, name in shown])
        return _section(
            "trust",
            "Can the forward map be trusted?",
            "What it says about trainings that it has not seen, against what they measured.",
            choice,
            *panels,
            score_table(found),
            element(
                "p",
                "R² is on the scale on which the metric is modelled; 1 is perfect, 0 no better than the mean. Of "
                "the 50 % intervals half should hold the measured value, of the 90 % intervals nine in ten.",
                class_="note",
            ),
        )

    def _reading(self, name: str) -> Markup:
        """Say beside the figure what it means."""
        scores = self.found.scores[name]
        grade, reading = trust(scores)
        facts = [
            ("Variance explained (R²)", digits(scores.r2)),
            ("Rank correlation", digits(scores.rank_correlation)),
            ("Inside 50 % intervals", percent(scores.coverage_50)),
            ("Inside 90 % intervals", percent(scores.coverage_90)),
            ("Typical error", number(scores.rmse)),
            ("Held-out trainings", str(scores.rows)),
        ]
        rows = [element("div", element("dt", key), element("dd", fact)) for key, fact in facts]
        return element(
            "div",
            element("p", element("span", GRADES[grade], class_=f"grade {grade}")),
            element("p", f"{reading[0].upper()}{reading[1:]}."),
            element("dl", *rows, class_="config"),
            class_="reading",
        )

    def _choice(self, group: str, options: Sequence[tuple[int, str]]) -> Markup | None:
        if len(options) < 2:
            return None
        listed = [element("option", visible(name, 60), value=f"{group}:{key}") for key, name in options]
        return element(
            "label", "Metric ", element("select", *listed, data_choice=group, autocomplete="off"), class_="choice"
        )

    def _effects(self) -> "tuple[str, str, Markup] | None":
        found = self.found
        names = list(found.effects)
        if not names:
            return None
        panels = []
        for place, name in enumerate(names):
            effects = found.effects[name]
            scale = metric_axis(effects, name)
            small = [
                element(
                    "div",
                    element(
                        "h3",
                        effect.parameter,
                        element("span", self._condition(effect.parameter), class_="faint"),
                    ),
                    self._figure(effect_figure(found.study, effect, scale, self._tried(effect.parameter))),
                    class_="small",
                )
                for effect in effects
                if effect.values
            ]
            shares = self._figure(
                shares_figure(effects, {}),
                f"Share of the variance of {name} over the whole space, by the forward map. Solid, "
                "first number: the parameter by itself; pale, second number: together with others."
                + (f" {TIED}" if found.study.space.constraints else ""),
            )
            panels.append(
                element(
                    "div",
                    shares,
                    element("div", *small, class_="grid"),
                    element(
                        "p",
                        f"Predicted {name} (up) against each parameter (across), averaged over all "
                        "the others; all panels share one scale. Bands: where the average lies with 50 % and 90 % "
                        "certainty, at most. Ticks at the foot: values that were trained.",
                        class_="note",
                    ),
                    data_panel=f"effects:{place}",
                    hidden=place > 0,
                )
            )
        left_out = len(found.scores) - len(names)
        return _section(
            "effects",
            "What each parameter does",
            "The largest effects first."
            + (f" Shown for {len(names)} of {len(found.scores)} metrics." if left_out > 0 else ""),
            self._choice("effects", [(place, name) for place, name in enumerate(names)]),
            *panels,
        )

    def _condition(self, name: str) -> str | None:
        condition = self.found.study.space.parameters[name].when
        return None if condition is None else f"where {visible(str(condition), 40)}"

    def _tried(self, name: str) -> list[float]:
        space = self.found.study.space
        parameter = space.free[space.names.index(name)]
        configs = [space.complete(trial.config) for trial in self.found.trials if trial.state.finished]
        return sorted(set(places(parameter, [config[name] for config in configs if name in config])))

    def _tradeoffs(self) -> "tuple[str, str, Markup] | None":
        found = self.found
        others = [name for name in found.metrics if name != found.first and name in found.scores]
        derived = found.study.objective.derived
        if (found.first not in found.scores and found.first not in derived) or not others:
            return None
        figures = [
            self._figure(
                plot_tradeoff(found.study, found.first, name, baseline=found.baseline),
                legend=False,
            )
            for name in others
        ]
        rest = None
        if len(figures) > MAX_TRADEOFFS:
            rest = element(
                "details",
                element("summary", f"{len(figures) - MAX_TRADEOFFS} more metrics"),
                element("div", *figures[MAX_TRADEOFFS:], class_="grid wide"),
            )
        return _section(
            "tradeoffs",
            "What is paid for it",
            self._tradeoff_key(),
            element("div", *figures[:MAX_TRADEOFFS], class_="grid wide"),
            rest,
        )

    def _tradeoff_key(self) -> str:
        found = self.found
        key = f"Every training by its {found.first} and another metric"
        if found.study.objective.limits:
            key += "; dashed lines are limits, hollow circles break one"
        if found.baseline is not None:
            key += "; grey is random search"
        return key + ("; ★ is recommended." if found.recommendation is not None else ".")

    def _answers(self) -> "tuple[str, str, Markup] | None":
        if not self.found.answers:
            return None
        return _section(
            "answers",
            "Asked the other way round",
            "Configurations for a wanted outcome, from the same trainings and no new one.",
            *answer_tables(self.found),
        )

    def _failures(self) -> "tuple[str, str, Markup] | None":
        count = sum(trial.state.bad for trial in self.found.trials)
        if not count:
            return None
        return _section(
            "failures",
            "What failed",
            f"{count} of {len(self.found.trials)} trainings gave no result; they teach where not to go.",
            failure_table(self.found),
        )

    def _trials(self) -> "tuple[str, str, Markup] | None":
        if not self.found.trials:
            return None
        return _section(
            "trials",
            "All trials",
            "A click on a column sorts by it. ★ is the recommended one.",
            trial_table(self.found),
        )


def _section(key: str, title: str, lead: str, *children: object) -> tuple[str, str, Markup]:
    body = element("section", element("h2", title), element("p", lead, class_="lead"), *children, id=key)
    return key, title, body


def _foot() -> Markup:
    from physai_inverse import __version__

    return element(
        "footer",
        element(
            "p", join("Written by physai-inverse ", __version__, ". Figures by plotly.js (MIT), inside this file.")
        ),
    )


def _plotly() -> str:
    """Read plotly.js from the installed package, without importing it."""
    found = importlib.util.find_spec("plotly")
    for folder in found.submodule_search_locations or () if found is not None else ():
        file = Path(folder) / "package_data" / "plotly.min.js"
        if file.is_file():
            return _script(file.read_text(encoding="utf-8"))
    raise MissingPackage("The report needs plotly.js from the package `plotly`; install it: pip install plotly.")


def _own(name: str) -> str:
    return _script(resources.files("physai_inverse.report").joinpath(name).read_text(encoding="utf-8"))


def _script(source: str) -> str:
    """Make a text safe inside of its element, as the browser will see it, so that its hash fits."""
    return source.replace("\r\n", "\n").replace("\r", "\n").replace("</script", "<\\/script")


def _policy(*scripts: str) -> str:
    """Allow these scripts and nothing else; plotly sets styles on its elements, so styles stay open."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
