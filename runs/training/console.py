"""What is seen of training: bars for runs, epochs and samples on a terminal, one line an epoch anywhere."""

from __future__ import annotations

from rich.console import Console as RichConsole

from runs.config import AnyConfig
from runs.console import Console
from runs.directory import Row


class TrainingConsole(Console):
    """Watches runs.

    Args:
        runs: how many are to come.
        out, err: where lines and warnings go; the standard streams by default.
    """

    def __init__(self, runs: int = 1, out: RichConsole | None = None, err: RichConsole | None = None) -> None:
        super().__init__(out, err, above=("runs", "epochs"))
        self._runs, self._epochs = self._above
        self._bars.update(self._runs, total=runs, visible=runs > 1)

    def start_run(self, config: AnyConfig, done: int) -> None:
        self._bars.update(self._epochs, completed=done, total=config.epochs, description=name_run(config), visible=True)
        if done:
            self.line(f"{name_run(config)}: continuing after epoch {done} of {config.epochs}")

    def end_epoch(self, config: AnyConfig, row: Row) -> None:
        self._bars.update(self._epochs, completed=row["epoch"])
        self._bars.reset(self._samples)
        self.line(f"{name_run(config)}: {epoch_text(config, row)}")

    def end_run(self, config: AnyConfig) -> None:
        self._bars.update(self._epochs, visible=False)
        self._bars.update(self._samples, visible=False)
        self._bars.advance(self._runs)


def name_run(config: AnyConfig) -> str:
    """A run in a few words: its model and its step."""
    return f"{config.kind()}, {config.step_text()}"


def epoch_text(config: AnyConfig, row: Row) -> str:
    """The metrics of one epoch in one line; classes whose neuron never fires are told where there are any."""
    dead = int(row.get("test_dead_classes", 0))
    classes = f" ({dead} dead class{'es' if dead != 1 else ''})" if dead else ""
    return (
        f"epoch {row['epoch']}/{config.epochs}  train {row['train_accuracy']:.1%}  test {row['test_accuracy']:.1%}  "
        f"loss {row['train_loss']:.3g}  silent labels {row['test_silent_labels']:.1%}{classes}  {row['seconds']:.1f} s"
    )
