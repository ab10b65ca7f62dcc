"""Every error as one line on standard error and an exit code; no traceback reaches a user.

```
0    ok
1    a training or the run failed
2    bad input
3    not found, or nothing there yet
4    conflict: the trial is finished, the lease is lost, the file differs from the stored study
5    the store is damaged or cannot be used
70   a bug in this program
130  interrupted by Ctrl-C
141  the reader of our output went away
```
"""

import os
import sys
from collections.abc import Sequence
from typing import Any, cast

import typer
from typer.core import TyperGroup

from physai_inverse.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    PhysaiInverseError,
    StoreDamaged,
    StoreUnavailable,
    one_line,
)

BAD_INPUT = 2
BUG = 70
INTERRUPTED = 130
BROKEN_PIPE = 141
TRACEBACK_VARIABLE = "PHYSAI_TRACEBACK"

CODES: tuple[tuple[type[PhysaiInverseError], int], ...] = (
    (InvalidInput, BAD_INPUT),
    (NotFound, 3),
    (Conflict, 4),
    (StoreDamaged, 5),
    (StoreUnavailable, 5),
)

# typer keeps its own copy of click or uses the installed one, by version; the base of its errors is the same name.
_UsageProblem = cast(
    "type[Exception]", next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
)


def exit_code(error: PhysaiInverseError) -> int:
    """Give the exit code of an error."""
    return next((code for kind, code in CODES if isinstance(error, kind)), 1)


def say_error(error: BaseException) -> None:
    """Print an error: one line, or one for each of its problems."""
    for line in getattr(error, "problems", None) or (one_line(error),):
        typer.echo(f"Error: {line}", err=True)


class GuardedGroup(TyperGroup):
    """A group of commands whose errors end as one line and an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: ARG002 - the signature of the class above
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command and leave with its exit code."""
        given = list(sys.argv[1:] if args is None else args)
        if self._show_help(given, prog_name):
            sys.exit(0)
        try:
            code = super().main(
                args=args,
                prog_name=prog_name,
                complete_var=complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
            sys.exit(code if isinstance(code, int) else 0)
        except _UsageProblem as error:
            context = getattr(error, "ctx", None)
            command = f" See `{context.command_path} --help`." if context is not None else ""
            message = str(cast("Any", error).format_message())
            message = " ".join(message.split()).removesuffix(".")
            typer.echo(f"Error: {message}.{command}", err=True)
            sys.exit(BAD_INPUT)
        except typer.Abort:
            sys.exit(INTERRUPTED)

    def _show_help(self, args: list[str], prog_name: str | None) -> bool:
        """Print the help of a command, where that is asked for, and say whether it was.

        The ordinary way coerces every option of the group first, for which typer imports pydantic: a third of the
        time that help may take.
        """
        if not args or args[0] not in self.commands or not {"-h", "--help"} & set(args[1:]):
            return False
        command = self.commands[args[0]]
        context = command.context_class(command, info_name=f"{prog_name or 'physai-inverse'} {args[0]}")
        context.help_option_names = ["-h", "--help"]
        typer.echo(command.get_help(context))
        return True

    def invoke(self, ctx: Any) -> Any:
        """Run a command, and turn what it raises into an exit code."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except PhysaiInverseError as error:  # before OSError, which some of them are
            _show_traceback(error)
            say_error(error)
            raise typer.Exit(exit_code(error)) from None
        except BrokenPipeError:
            # What is still buffered must not be written when Python ends, either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(BROKEN_PIPE) from None
        except KeyboardInterrupt:
            typer.echo("Interrupted. What is finished is kept; the same command goes on from here.", err=True)
            raise typer.Exit(INTERRUPTED) from None
        except (typer.Exit, typer.Abort, EOFError, _UsageProblem):
            raise
        except Exception as error:  # the last door: whatever comes here is our mistake
            _show_traceback(error)
            typer.echo(
                f"Error: {one_line(error)} (this is a bug in physai-inverse; "
                f"set {TRACEBACK_VARIABLE}=1 to see where)",
                err=True,
            )
            raise typer.Exit(BUG) from None


def _show_traceback(error: BaseException) -> None:
    if os.environ.get(TRACEBACK_VARIABLE):
        import traceback

        traceback.print_exception(error)
