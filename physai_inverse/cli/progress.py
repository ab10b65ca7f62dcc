"""The progress of a run: a live view in a terminal, plain lines anywhere else."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from physai_inverse.cli.tables import config_text, metric_text, number_text
from physai_inverse.objective import measured

if TYPE_CHECKING:
    from physai_inverse.study import Progress

REFRESHES = 4  # a second


@dataclass
class RunProgress:
    """Shows the parts of a campaign, one after another; a context manager.

    Args:
        console: where to; standard error, so that results alone go to standard output.
        metric: the metric of which the best value is told; None where the objective has no wish.
    """

    console: Console
    metric: str | None
    _latest: "dict[str, Progress]" = field(default_factory=dict)
    _live: Live | None = None

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live = Live(console=self.console, refresh_per_second=REFRESHES, get_renderable=self._view)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def part(self, name: str) -> "Callable[[Progress], None]":
        """Give what takes the progress of a part."""

        def take(progress: "Progress") -> None:
            self._latest[name] = progress
            if self._live is None and progress.last is not None:
                self.console.print(self._line(name, progress), soft_wrap=True)

        return take

    def _line(self, name: str, progress: "Progress") -> str:
        last = progress.last
        assert last is not None
        parts = [f"{name} {progress.finished}/{progress.budget}: trial {last.number} {last.status}"]
        if last.seconds is not None:
            parts[0] += f" after {number_text(last.seconds)} s"
        if self.metric is not None and self.metric in last.metrics and not last.state.bad:
            parts.append(f"{self.metric} {metric_text(last.metrics[self.metric])}")
        elif self.metric is not None and not last.state.bad and last.metrics:
            parts.append(f"{self.metric} {number_text(measured(self.metric, last.metrics, last.config))}")
        elif last.reason:
            parts.append(" ".join(last.reason.split())[:200])
        if progress.best is not None:
            parts.append(f"best {number_text(progress.best)}")
        if progress.seconds_left:
            parts.append(f"{_clock(progress.seconds_left)} left")
        return ", ".join(parts)

    def _view(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        for name, progress in self._latest.items():
            over = progress.finished >= progress.budget
            left = progress.seconds_left
            table.add_row(
                Text(name, style="bold"),
                ProgressBar(total=progress.budget, completed=progress.finished, width=24),
                f"{progress.finished}/{progress.budget}",
                f"best {self.metric} {number_text(progress.best)}" if progress.best is not None else "",
                Text(f"{progress.failed} failed" if progress.failed else "", style="red"),
                _clock(progress.seconds) if over else f"{_clock(left)} left" if left is not None else "",
            )
        lines: list[RenderableType] = [table]
        if self._latest:
            for number, config, seconds in list(self._latest.values())[-1].running:
                line = Text.assemble((f"  trial {number}  {_clock(seconds)}  ", "yellow"), config_text(config))
                line.no_wrap, line.overflow = True, "ellipsis"
                lines.append(line)
        return Group(*lines)


def _clock(seconds: float) -> str:
    """Write a duration as `m:ss` or `h:mm:ss`."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
