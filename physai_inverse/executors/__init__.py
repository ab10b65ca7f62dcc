"""Where a callable runs: four calls (submit, poll, collect, cancel), one contract.

An executor runs `function(*arguments)` and knows nothing of trials. What the function raises, and what
kills it, comes back as an `Outcome`; only a misuse of the four calls raises.
"""

from physai_inverse.executors.in_process import InProcess
from physai_inverse.executors.local_processes import LocalProcesses
from physai_inverse.executors.notes import note
from physai_inverse.executors.outcome import Job, Outcome

__all__ = ["InProcess", "Job", "LocalProcesses", "Outcome", "note"]
