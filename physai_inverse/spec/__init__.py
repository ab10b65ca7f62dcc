"""The study file: one YAML file that holds a study, read with the line and column of every mistake."""

from physai_inverse.spec.document import InvalidStudyFile
from physai_inverse.spec.drafts import draft_for_command, draft_for_task
from physai_inverse.spec.imported import draft_for_reading, write_study
from physai_inverse.spec.study_file import Spec, json_schema, load_spec, place_of, read_spec

__all__ = [
    "InvalidStudyFile",
    "Spec",
    "draft_for_command",
    "draft_for_reading",
    "draft_for_task",
    "json_schema",
    "load_spec",
    "place_of",
    "read_spec",
    "write_study",
]
