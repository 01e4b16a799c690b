"""The command line: parse, call the public functions, print.

Every command is one module of this package that holds either ``command``, a typer function, or ``app``, a typer
group. Listing its name in `COMMANDS` registers it. Modules import the packages inside the bodies of their functions, so
that ``--help`` stays quick.
"""

import logging
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, TextIO

import typer

from leosplit import __version__
from leosplit.cli import output
from leosplit.interrupts import MESSAGE, Press, handle_signals, ignore_signals, leave

COMMANDS: tuple[str, ...] = (
    "gap",
    "solve",
    "run",
    "evaluate",
    "sensitivity",
    "place",
    "fit",
    "train",
    "simulate",
    "instance",
    "sweep",
    "report",
    "figures",
)

# New versions of typer carry a copy of click, older ones import it; both derive this class the same way.
_UsageError: Any = typer.BadParameter.__mro__[1]

app = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


def _show_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        typer.echo(f"leosplit {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what is done, on stderr.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_show_version, help="Print the version.")] = False,
) -> None:
    """Large-small model collaboration over LEO satellite networks: exact optima, schemes and their gaps."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO if verbose else logging.WARNING, format="%(message)s")


def _register() -> None:
    """Add the commands of `COMMANDS` to the application."""
    for name in COMMANDS:
        module = import_module(f"leosplit.cli.{name}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(module.command)


def _one_line(text: object) -> str:
    """Return a message without line breaks and control characters."""
    from leosplit.tables import printable

    return printable(" ".join(str(text).split()))


def _warn(message: Warning | str, *_: object, file: TextIO | None = None, **__: object) -> None:
    """Show a Python warning as one line on stderr, without the place in the code."""
    print(f"warning: {_one_line(message)}", file=file or sys.stderr)


def _describe(error: Exception) -> str | None:
    """Return the line for an error of the user's, or None when it is an error of ours."""
    if isinstance(error, _UsageError):
        context: Any = getattr(error, "ctx", None)
        where = context.command_path if context else "leosplit"
        return f"{error.format_message()} (see {where} --help)"
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}" if str(error) else "not enough memory"
    from fitting.errors import LeosplitError

    return str(error) if isinstance(error, LeosplitError) else None


INTERRUPTED = 130
"""What typer makes of Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``leosplit``; those of the process when left out, which then ends with the command: Ctrl-C
        and SIGTERM end it, and are ignored once its answer is complete.

    Returns
    -------
    int
        0 when done, 1 without the answer that was asked for or interrupted, 2 for refused input (a line on stderr says
        why).
    """
    if arguments is None:
        output.own_process = True
        press = handle_signals()
        try:
            code = _run(sys.argv[1:], press)
            ignore_signals()
        except KeyboardInterrupt:  # once more, while an error was being handled
            code = INTERRUPTED
        if code == INTERRUPTED:
            code = leave()
        exec("")  # else `python -m` ends by the signal, where one that was handled had passed through some exec
        return code
    code = _run(arguments)
    if code == INTERRUPTED:
        print(MESSAGE, file=sys.stderr)
        return 1
    return code


def _run(arguments: Sequence[str], press: Press | None = None) -> int:
    """Run the command line; errors of the user's are a line on stderr."""
    warnings.showwarning = _warn
    words = list(arguments) or ["--help"]
    try:
        if not app.registered_commands:
            _register()
        code = typer.main.get_command(app).main(args=words, prog_name="leosplit", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader of the pipe has gone: nobody is left to tell
        code = 1
    except Exception as error:
        message = _describe(error)
        if message is None and press is not None and press.first is not None:
            return INTERRUPTED  # what Ctrl-C cuts short may fail in ways of its own
        if message is None:
            raise
        print(f"error: {_one_line(message)}", file=sys.stderr)
        return 2
    return code if isinstance(code, int) else 0
