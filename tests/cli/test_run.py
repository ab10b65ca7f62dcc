"""`run`, in this process and as a program that is interrupted."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from physai_inverse.spec import load_spec
from tests.cli.conftest import Cli

PROGRAM = [sys.executable, "-m", "physai_inverse"]


def test_run_ends_with_recommendation_comparison_scores_answer_and_page(cli: Cli, fresh: Path) -> None:
    result = cli("run", fresh)
    assert result.code == 0, result.err
    for part in (
        "Recommended: trial",
        "this study, trial",
        "random search, trial",
        "Forward map on held-out trainings",
        "Asked without any new training",
        f"Page: {fresh.with_suffix('.html')}",
    ):
        assert part in result.out
    assert result.err.count("\n") == 6 + 6 + 4
    assert fresh.with_suffix(".html").exists()


def test_run_as_json_prints_one_object(cli: Cli, fresh: Path) -> None:
    result = cli("run", fresh, "--no-baseline", "--no-report", "--json", "--confirm", 1, "--workers", 2)
    assert result.code == 0, result.err
    found = json.loads(result.out)
    assert found["baseline"] is None
    assert found["page"] is None
    assert len(found["confirmed"]["values"]) == 1
    assert found["scores"]["loss"]["rows"] == 6
    assert found["answer"]["query"].startswith("minimize parameters where loss <= ")
    assert not fresh.with_suffix(".html").exists()


def test_a_declared_metric_that_never_came_is_told(cli: Cli, fresh: Path) -> None:
    fresh.write_text(fresh.read_text().replace("metrics: {", "metrics: {accuracy: share of right answers, "))
    result = cli("run", fresh, "--budget", 2, "--no-baseline", "--no-report", "--confirm", 0)
    assert result.code == 0
    assert "Warning: no training gave the metric `accuracy`" in result.err


def test_a_trainer_with_a_bug_stops_the_run_with_its_reason(cli: Cli, fresh: Path) -> None:
    (fresh.parent / "train.py").write_text("def train(config, seed):\n    return {'los': 1}\n")
    result = cli("run", fresh, "--workers", 2)
    assert result.code == 1
    last = result.err.splitlines()[-1]
    assert last.startswith("Error: 3 trainings in a row failed by a bug")
    assert "los" in last


def test_ctrl_c_keeps_what_is_finished_and_the_same_command_goes_on(fresh: Path, cached: dict[str, str]) -> None:
    script = fresh.parent / "train.py"
    script.write_text(script.read_text().replace("    noise", "    __import__('time').sleep(0.3)\n    noise"))
    command = [*PROGRAM, "run", str(fresh), "--no-baseline", "--no-report", "--confirm", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=cached)
    assert process.stderr is not None
    first = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert first.startswith("study 1/6: trial 0 done")
    assert process.returncode == 130
    assert "Traceback" not in rest
    assert rest.splitlines()[-1] == "Interrupted. What is finished is kept; the same command goes on from here."
    kept = {trial.number: trial.metrics for trial in load_spec(fresh).open_study().trials if trial.state.finished}
    assert 0 in kept
    again = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=cached)
    assert again.returncode == 0, again.stderr
    trials = load_spec(fresh).open_study().trials
    assert [trial.status for trial in trials] == ["done"] * 6
    assert {trial.number: trial.metrics for trial in trials if trial.number in kept} == kept


def test_a_reader_that_goes_away_ends_the_output_quietly(study: Path, cached: dict[str, str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as gone:
        command = [*PROGRAM, "show", str(study), "--json"]
        result = subprocess.run(command, stdout=gone, stderr=subprocess.PIPE, text=True, check=False, env=cached)
    assert (result.returncode, result.stderr) == (141, "")


def test_a_shell_pipe_closes_the_loop(fresh: Path, cached: dict[str, str]) -> None:
    script = fresh.parent / "mine.py"
    script.write_text(
        "import json, sys\n"
        "for line in sys.stdin:\n"
        "    trial = json.loads(line)\n"
        "    trial['metrics'] = {'loss': trial['config']['x']}\n"
        "    print(json.dumps(trial), flush=True)\n"
    )
    suggesting = [*PROGRAM, "suggest", str(fresh), "-n", "2", "--json"]
    observing = [*PROGRAM, "observe", str(fresh), "--json-lines", "-"]
    with (
        subprocess.Popen(suggesting, stdout=subprocess.PIPE, env=cached) as first,
        subprocess.Popen([sys.executable, script], stdin=first.stdout, stdout=subprocess.PIPE) as second,
    ):
        result = subprocess.run(
            observing, stdin=second.stdout, capture_output=True, text=True, check=False, timeout=120, env=cached
        )
    assert (result.returncode, result.stdout, result.stderr) == (0, "Trial 0 is done.\nTrial 1 is done.\n", "")


MANY = """
class Many:
    trains_together = True

    def __call__(self, configs, seeds):
        if isinstance(seeds, int):
            return {"loss": configs["x"], "parameters": 1.0, "alone": 1.0}
        return [{"loss": config["x"], "parameters": 1.0, "batch": len(configs)} for config in configs]


train = Many()
"""


def test_a_batch_is_trained_in_one_program_where_the_file_or_the_command_says_so(cli: Cli, fresh: Path) -> None:
    (fresh.parent / "train.py").write_text(MANY)
    run = ("run", fresh, "--no-baseline", "--no-report", "--confirm", 0)
    assert cli(*run, "--together", 3).code == 0
    trials = load_spec(fresh).open_study().trials
    assert [trial.metrics["batch"] for trial in trials] == [3.0] * 6
    fresh.write_text(fresh.read_text() + "together: 4\n")
    assert cli(*run, "--budget", 10).code == 0
    assert [trial.metrics["batch"] for trial in load_spec(fresh).open_study().trials[6:]] == [4.0] * 4
    (fresh.parent / "one.py").write_text("def train(config, seed):\n    return {'loss': 1.0}\n")
    fresh.write_text(fresh.read_text().replace("train.py:train", "one.py:train"))
    refused = cli(*run, "--budget", 20)
    assert refused.code == 2
    assert "`together` is 4, and the trainer trains one configuration at a time" in refused.err
    assert cli(*run, "--together", 0).code == 2
