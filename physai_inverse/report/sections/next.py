"""What to run next, with the reasons."""

from physai_inverse.report.findings import Findings
from physai_inverse.report.markup import element
from physai_inverse.report.sheet import Section, section
from physai_inverse.report.tables import upcoming_table
from physai_inverse.report.words import visible


def next_section(found: Findings) -> Section:
    """Write what would be trained next."""
    if not found.upcoming:
        reason = visible(found.halted or "nothing is left to propose", 400)
        return section("next", "What to run next", "No training is proposed.", element("p", reason))
    return section(
        "next",
        "What to run next",
        "What the study would suggest now, judged together. Nothing is claimed: ask it with `suggest`.",
        upcoming_table(found),
    )
