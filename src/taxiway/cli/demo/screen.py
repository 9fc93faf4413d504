"""What a person sees while the demo runs: headings, and one bar per stage."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from taxiway.cli.demo.api import TaskState

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, Task, TaskID

_OVER = {
    "success": "[green]done",
    "failed": "[red]failed",
    "upstream_failed": "[dim]not reached",
    "skipped": "[yellow]skipped",
    "removed": "[dim]removed",
}
_WIDTH = len("Unpack the flights of 2013")
_AT_WORK = frozenset({"running", "deferred", "up_for_retry", "restarting", "up_for_reschedule"})


class Screen:
    """Headings and bars on a terminal, one line per finished stage anywhere else."""

    def __init__(self, console: "Console") -> None:
        self.console = console

    def heading(self, title: str, story: str) -> None:
        """Begins a part of the demo, and says what happens in it."""
        self.console.print(f"\n[bold]{title}[/bold]\n[dim]{story}[/dim]")

    def line(self, what: str, why: str) -> None:
        """One thing that happened, and why."""
        self.console.print(f"    {what}", end="", markup=False, highlight=False)
        self.console.print(f"  {why}", style="dim", markup=False, highlight=False)

    @contextlib.contextmanager
    def step(self, label: str) -> Iterator[None]:
        """One bar for what the block does."""
        with self.board({label: label}) as board:
            began = time.monotonic()
            board.show([TaskState(label, "running", None, 1)])
            try:
                yield
            except BaseException:
                board.show([TaskState(label, "failed", time.monotonic() - began, 1)])
                raise
            board.show([TaskState(label, "success", time.monotonic() - began, 1)])

    @contextlib.contextmanager
    def board(self, labels: Mapping[str, str]) -> Iterator["Board"]:
        """One bar per stage; `labels` are what people call the tasks."""
        from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
        from rich.table import Column
        from rich.text import Text

        class Seconds(ProgressColumn):
            """How long it took, or has taken so far."""

            def render(self, task: "Task") -> Text:
                seconds = task.elapsed if task.total is None else task.fields["seconds"]
                return Text(f"{seconds:5.1f} s" if seconds else "", "dim")

        columns = (
            TextColumn("  {task.description}"),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[state]}", table_column=Column(min_width=len("not reached"))),
            Seconds(),
        )
        with Progress(*columns, console=self.console, disable=not self.console.is_terminal) as progress:
            yield Board(progress, self.console, labels)


class Board:
    """The bars of one run."""

    def __init__(self, progress: "Progress", console: "Console", labels: Mapping[str, str]) -> None:
        self._progress, self._console = progress, console
        self._bars: dict[str, TaskID] = {}
        self._begun: set[str] = set()
        self._told: set[str] = set()
        self._labels = labels
        width = max(_WIDTH, *map(len, labels.values()))
        for task_id, label in labels.items():
            self._bars[task_id] = progress.add_task(f"{label:<{width}}", total=1, state="[dim]waiting", seconds=None)

    def show(self, tasks: list[TaskState]) -> None:
        """Brings the bars up to date."""
        for task in tasks:
            if task.task_id not in self._bars or task.task_id in self._told:
                continue
            if task.state in _OVER:
                self._finish(task)
            elif task.state in _AT_WORK:
                self._begin(task)

    def _begin(self, task: TaskState) -> None:
        if task.task_id not in self._begun:
            self._begun.add(task.task_id)
            self._progress.reset(self._bars[task.task_id])
            self._progress.tasks[self._bars[task.task_id]].total = None
        word = "retrying" if task.state == "up_for_retry" else "running"
        self._progress.update(self._bars[task.task_id], state=f"[cyan]{word}")

    def _finish(self, task: TaskState) -> None:
        self._told.add(task.task_id)
        done = task.state == "success"
        self._progress.update(
            self._bars[task.task_id],
            state=_OVER[task.state],
            total=1,
            completed=1 if done else 0,
            seconds=task.seconds,
        )
        if not self._console.is_terminal:
            took = f" ({task.seconds:.1f} s)" if task.seconds else ""
            self._console.print(f"  {self._labels[task.task_id]}: {_OVER[task.state]}{took}")
