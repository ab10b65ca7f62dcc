"""Columns that belong together by their names: one metric at several seeds, or at several steps."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from physai_inverse.importers.naming import likeness

REPLICATE = re.compile(
    r"(?P<stem>.+?)[_\-. ](?P<word>seed|fold|rep|repeat|replicate|run)[_\-]?(?P<number>\d+)", re.IGNORECASE
)
POINT = re.compile(
    r"(?P<stem>.+?)[_\-. @](?P<word>e|ep|epoch|epochs|step|steps|it|iter|iteration|t)[_\-]?(?P<number>\d+)",
    re.IGNORECASE,
)
LEAST_POINTS = 3
"""Columns that make a curve; two may be anything."""


@dataclass(frozen=True)
class Families:
    """Columns that are one metric.

    Args:
        replicates: metric to the columns of its seeds: number to column.
        curves: metric to the columns of its steps: step to column.
        words: metric to what its numbers count, such as `seed` or `e`.
    """

    replicates: Mapping[str, Mapping[int, str]]
    curves: Mapping[str, Mapping[int, str]]
    words: Mapping[str, str]

    @property
    def columns(self) -> dict[str, str]:
        """Each column with the metric that it belongs to."""
        return {
            column: metric
            for family in (self.replicates, self.curves)
            for metric, members in family.items()
            for column in members.values()
        }


def families(names: Sequence[str]) -> Families:
    """Find them among the names of numeric columns."""
    words: dict[str, str] = {}
    found = []
    for pattern, least in ((REPLICATE, 2), (POINT, LEAST_POINTS)):
        groups: dict[tuple[str, str], dict[int, str]] = {}
        for name in names:
            match = pattern.fullmatch(name)
            if match and likeness(match["stem"]) >= 0:
                groups.setdefault((match["stem"], match["word"].lower()), {})[int(match["number"])] = name
        kept: dict[str, Mapping[int, str]] = {}
        for (stem, word), members in groups.items():
            if len(members) >= least and stem not in words and stem not in names:
                kept[stem] = dict(sorted(members.items()))
                words[stem] = word
        found.append(kept)
    return Families(found[0], found[1], words)
