"""The page that a run ends with: one HTML file that needs nothing else, not even a network.

It tells a story from top to bottom: what was asked, what was found, how far to believe it, what acts, what tells
of the end, what to run next; everything else is folded away.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from physai_inverse.files import write_text
from physai_inverse.report.findings import Findings, gather
from physai_inverse.report.frame import framed
from physai_inverse.report.sections.acting import acting_section
from physai_inverse.report.sections.asked import asked
from physai_inverse.report.sections.believed import believed_section
from physai_inverse.report.sections.found import found_section
from physai_inverse.report.sections.next import next_section
from physai_inverse.report.sections.rest import rest_section
from physai_inverse.report.sections.telling import telling_section
from physai_inverse.report.sheet import Section, Sheet, section
from physai_inverse.report.tables import answer_tables
from physai_inverse.report.words import visible
from physai_inverse.study import Answer, Campaign, Study


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
    write_text(target, _html(found))
    return target


def _html(found: Findings) -> str:
    sheet = Sheet()
    sections = [
        part
        for part in (
            found_section(found, sheet),
            _answers(found),
            believed_section(found, sheet),
            acting_section(found, sheet),
            telling_section(found, sheet),
            next_section(found),
            rest_section(found, sheet),
        )
        if part is not None
    ]
    return framed(f"{visible(found.study.name)} · study report", asked(found), sections, sheet)


def _answers(found: Findings) -> Section | None:
    if not found.answers:
        return None
    return section(
        "answers",
        "Asked the other way round",
        "Configurations for a wanted outcome, from the same trainings and no new one.",
        *answer_tables(found),
    )
