"""How results are kept: JSON that names command, commit and machine."""

import json
import platform
import subprocess
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def origin(command: str) -> dict[str, Any]:
    """Name what made a result: command, commit of this working tree, machine."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=RESULTS.parent
    )
    return {
        "command": command,
        "commit": commit.stdout.strip(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
    }


def write(path: Path, result: object) -> None:
    """Write a result."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")


def rounded(value: float) -> float:
    """Keep four digits, which is more than any benchmark here can tell."""
    return float(f"{value:.4g}")
