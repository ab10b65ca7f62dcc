"""The page of a study whose wish is an expression."""

from pathlib import Path

from physai_inverse import Float, Integer, Space, Study
from physai_inverse.report import write_report


def test_the_page_tells_what_an_expression_is_predicted_to_be(tmp_path: Path) -> None:
    study = Study(Space(lr=Float(0.0, 1.0), width=Integer(8, 64)), "minimize loss + 0.01 * width", seed=0)
    study.import_observations(
        [({"lr": lr / 8, "width": 8 + 7 * lr}, {"loss": (lr / 8 - 0.4) ** 2}) for lr in range(8)]
    )
    page = tmp_path / "page.html"
    write_report(study, page)
    text = page.read_text()
    assert "The forward map predicts loss + 0.01 * width " in text
    assert "best measured loss + 0.01 * width" in text
