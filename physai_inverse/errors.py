"""The exception tree: every error that a user can meet, each also the builtin that it refines.

```
PhysaiInverseError
├── InvalidInput     (ValueError)    a value, file or request that cannot be meant
├── NotFound         (LookupError)   a trial, study, metric or file that is not there
├── Conflict         (RuntimeError)  right in itself, refused by the state of the study
│   └── LeaseLost    (Conflict)      the trial belongs to somebody else by now
├── StoreDamaged     (RuntimeError)  the store cannot be trusted; says what was found
├── StoreUnavailable (OSError)       the store cannot be reached or written: read-only, full, locked
├── FitFailed        (RuntimeError)  a forward map could not be fitted
├── TrialFailed      (RuntimeError)  one training gave no result; carries the class of failure
└── MissingPackage   (ImportError)   names the extra to install
```

A message names the argument in backticks, then what was expected, what came, and what to do.
"""


class PhysaiInverseError(Exception):
    """Everything this package raises on purpose."""


class InvalidInput(PhysaiInverseError, ValueError):
    """A value, file or request that cannot be meant."""


class NotFound(PhysaiInverseError, LookupError):
    """A trial, study, metric or file that is not there."""


class Conflict(PhysaiInverseError, RuntimeError):
    """A request that is right in itself and refused by the state of the study."""


class LeaseLost(Conflict):
    """A heartbeat for a trial that was offered to somebody else in the meantime."""


class StoreDamaged(PhysaiInverseError, RuntimeError):
    """A store whose content cannot be trusted."""


class StoreUnavailable(PhysaiInverseError, OSError):
    """A store that cannot be reached or written."""


class FitFailed(PhysaiInverseError, RuntimeError):
    """A forward map that could not be fitted."""


class TrialFailed(PhysaiInverseError, RuntimeError):
    """One training that gave no result.

    Args:
        reason: what happened, for people.
        kind: the class of failure, one of `observations.FAILURES`.
    """

    def __init__(self, reason: str, kind: str = "bug") -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind

    def __reduce__(self) -> tuple[type["TrialFailed"], tuple[str, str]]:
        return type(self), (self.reason, self.kind)


class MissingPackage(PhysaiInverseError, ImportError):
    """An optional package that is not installed; the message names the extra."""


def one_line(error: BaseException) -> str:
    """Give the message of an error as one line, with the type where the message alone says little."""
    text = " ".join(str(error).split())
    if isinstance(error, PhysaiInverseError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
