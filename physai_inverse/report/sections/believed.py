"""How far to believe it: held-out predictions, their calibration, and what follows for each metric."""

from physai_inverse.report.calibration import calibration_figure
from physai_inverse.report.findings import Findings
from physai_inverse.report.markup import Markup, element
from physai_inverse.report.sheet import Section, Sheet, choice, section
from physai_inverse.report.tables import GRADES, digits, score_table
from physai_inverse.report.trust import predicted_figure
from physai_inverse.report.words import number, percent, trust


def believed_section(found: Findings, sheet: Sheet) -> Section | None:
    """Write how far the forward map of each metric may be believed; None where nothing was recorded."""
    if not found.metrics:
        return None
    shown = [(place, name) for place, name in enumerate(found.metrics) if name in found.scores]
    panels = [
        element(
            "div",
            _reading(found, name),
            element(
                "div",
                sheet.figure(
                    predicted_figure(found.scores[name], name),
                    "Each training predicted from the others; bars are 90 % intervals. The nearer to the dotted "
                    "line the better, and about nine of ten bars should cross it.",
                ),
                sheet.figure(
                    calibration_figure(found.scores[name], name),
                    "How often the measured value lies below each quantile of its prediction. On the dotted "
                    "line the intervals are right; within the grey band the difference may be chance.",
                ),
                class_="twin",
            ),
            data_panel=f"trust:{place}",
            hidden=place != shown[0][0],
        )
        for place, name in shown
    ]
    return section(
        "trust",
        "How far to believe it",
        "What the forward map says about trainings that it has not seen, against what they measured.",
        score_table(found),
        choice("trust", shown),
        *panels,
    )


def _reading(found: Findings, name: str) -> Markup:
    """Say above the figures what they mean."""
    scores = found.scores[name]
    grade, reading = trust(scores)
    facts = [
        ("variance explained", digits(scores.r2)),
        ("rank correlation", digits(scores.rank_correlation)),
        ("inside 50 % intervals", percent(scores.coverage_50)),
        ("inside 90 % intervals", percent(scores.coverage_90)),
        ("typical error", number(scores.rmse)),
        ("held-out trainings", str(scores.rows)),
    ]
    tiles = [element("div", element("dt", key), element("dd", fact)) for key, fact in facts]
    return element(
        "div",
        element(
            "p",
            element("strong", name),
            ": ",
            element("span", GRADES[grade], class_=f"grade {grade}"),
            f". {reading[0].upper()}{reading[1:]}.",
        ),
        element("dl", *tiles, class_="tiles"),
        class_="reading",
    )
