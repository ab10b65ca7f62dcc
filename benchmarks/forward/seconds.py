"""Seconds and memory of a fit with its choice of surrogates, and of predicting 1,000 points, by size.

Each size in a process of its own, with two threads allowed; wall and processor seconds without imports.
"""

import json
import resource
import subprocess
import sys
import time
from typing import Any

SIZES = ((128, 10), (1000, 10), (10_000, 10), (100_000, 10))


def measured(num: int, dimension: int) -> dict[str, float]:
    """Fit and predict once, in this process."""
    import numpy as np
    import sklearn.ensemble
    import torch
    from threadpoolctl import threadpool_limits

    from benchmarks.forward.regressors import REGRESSORS
    from physai_inverse.space import Float, Space

    random = np.random.default_rng(0)
    space = Space({f"x{column}": Float(0.0, 1.0) for column in range(dimension)})
    units, new = space.snap(random.random((num, dimension))), space.snap(random.random((1000, dimension)))

    def truth(points: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(np.sin(5 * points[:, 0]) + points[:, 1] ** 2 + 0.5 * points[:, 2] * points[:, 0]))

    noise = np.exp(0.05 * random.standard_normal(num + 1000))
    imported = (sklearn.ensemble, torch)  # before the clock starts
    REGRESSORS["ours"](space, units[:16], truth(units[:16]), new[:2], 0).quantiles([0.5])
    with threadpool_limits(2):
        began, began_cpu = time.perf_counter(), time.process_time()
        predicted = REGRESSORS["ours"](space, units, truth(units) * noise[:num], new, 0)
        middle = predicted.quantiles([0.05, 0.5, 0.95])[:, 1]
        wall, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    held = truth(new) * noise[num:]
    return {
        "seconds": wall,
        "processor seconds": cpu,
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "r2": 1.0 - float(np.sum((middle - held) ** 2) / np.sum((held - held.mean()) ** 2)),
        "packages": len(imported),
    }


def all_sizes() -> dict[str, Any]:
    """Measure every size, each in a process of its own."""
    found = {}
    for num, dimension in SIZES:
        call = f"print(json.dumps(measured({num}, {dimension})))"
        code = f"import json; from benchmarks.forward.seconds import measured; {call}"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        result = json.loads(done.stdout.splitlines()[-1])
        del result["packages"]
        found[f"n={num}, d={dimension}"] = result
        print(
            f"n={num}, d={dimension}:",
            ", ".join(f"{key} {value:.3g}" for key, value in result.items()),
            flush=True,
        )
    return found
