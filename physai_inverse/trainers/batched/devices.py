"""Where and how trainings compute: device, number of threads, precision, free memory."""

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from physai_inverse.errors import TrialFailed

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # the names of the two in malloc.h of glibc
KEPT_BYTES = 2**30
LARGEST_DYNAMIC = 2**25

MEMORY_SHARE = 0.5
"""Of the free memory that a stack may fill: activations are estimated, and others live on the machine, too."""


@contextlib.contextmanager
def threads(number: int = 1) -> Iterator[None]:
    """Use so many threads within the block: small networks are slower with more; sums depend on their number."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def numerics(precision: str, device: torch.device) -> Iterator[None]:
    """Compute as asked for within the block, whatever was set around it.

    Args:
        precision: `tf32` allows it in matrix products, `bfloat16` computes forward passes in it; all others
            leave no bit out.
        device: for which.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    try:
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextlib.contextmanager
def kept_memory(device: torch.device) -> Iterator[None]:
    """Let the C library keep freed memory within the block, and give it back at the end.

    It returns large blocks to the system at once otherwise, and every array of the next step is paid for page by
    page: nearly half of the time where activations are some megabytes. Only glibc is told, and only for a CPU.
    """
    library = None
    if device.type == "cpu" and sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            found = ctypes.CDLL(None)
            if found.mallopt(TRIM_THRESHOLD, KEPT_BYTES) and found.mallopt(MMAP_THRESHOLD, KEPT_BYTES):
                library = found
    try:
        yield
    finally:
        if library is not None:  # to what glibc itself arrives at once a large block has been freed
            library.mallopt(MMAP_THRESHOLD, LARGEST_DYNAMIC)
            library.mallopt(TRIM_THRESHOLD, 2 * LARGEST_DYNAMIC)
            library.malloc_trim(0)


@contextlib.contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Seed torch's global stream within the block, and put it back: for code that draws from no other."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def find_device(device: str) -> torch.device:
    """Give the device of that name; `auto` is CUDA where there is one.

    Raises:
        TrialFailed: `cuda` was asked for and is not there.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise TrialFailed("`device` is `cuda`, and this machine has no CUDA device that torch can use.", "bug")
    return torch.device(device)


def free_bytes(device: torch.device) -> int:
    """Measure the memory that is free: of the CUDA device, or of this machine and its control group."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = 1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1])
    with contextlib.suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text())  # the word `max` where there is no limit
        free = min(free, limit - int((group / "memory.current").read_text()))
    return max(free, 0)
