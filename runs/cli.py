"""The command line, `lava-dt` or `python -m runs`.

Exit codes: 0 done, 1 failed, 2 bad input (one sentence says what to do), 130 stopped with Ctrl-C.
Nothing is imported before Ctrl-C is caught.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runs.arguments import Command

FAILED, BAD_INPUT, STOPPED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits with its code."""

    def parse() -> Command:
        from runs.arguments import parse

        return parse(arguments)

    sys.exit(guarded(parse))


def guarded(parse: Callable[[], Command]) -> int:
    """The exit code of the command that `parse` gives, its errors told in one sentence each."""
    command: Command | None = None
    try:
        command = parse()
        return command.run()
    except KeyboardInterrupt:
        sys.stderr.write("stopped; run the same command again to continue\n")
        return STOPPED
    except (ValueError, FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        return _tell(command, error, BAD_INPUT)
    except Exception as error:
        return _tell(command, error, FAILED)


def _tell(command: Command | None, error: Exception, code: int) -> int:
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if command is not None and command.debug:
        console.print_exception()
    expected = isinstance(error, ValueError | OSError | RuntimeError | ImportError)
    text = str(error) or type(error).__name__
    where = "" if expected else f" ({type(error).__name__}; --debug shows where it came from)"
    console.print(f"[red]error:[/red] {escape(text)}{where}")
    return code
