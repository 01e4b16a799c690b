"""The command line as a whole: help, version, errors as one line, JSON documents."""

import json
import subprocess
import sys

import numpy as np
import pytest
import typer

from fitting.errors import LeosplitError
from leosplit import cli
from leosplit.cli import output, progress
from leosplit.tables import render_table
from solvers.result import Progress


def run_python(*words, cwd=None):
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=300, check=False, cwd=cwd)


def test_help_lists_the_commands_and_is_quick():
    result = run_python("-X", "importtime", "-m", "leosplit", "--help")
    assert result.returncode == 0
    for name in cli.COMMANDS:
        assert f"  {name}" in result.stdout
    heavy = {"numpy", "scipy", "pandas", "pyomo", "torch", "matplotlib", "networkx", "highspy"}
    loaded = {line.split("|")[-1].strip().split(".")[0] for line in result.stderr.splitlines()}
    assert not heavy & loaded


def test_no_arguments_print_the_help(capsys):
    assert cli.main([]) == 0
    assert "Usage: leosplit" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["no-such-command"], ["--no-such-option"]])
def test_usage_errors_are_one_line_and_exit_2(words, capsys):
    assert cli.main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert words[0] in error


@pytest.fixture
def failing(monkeypatch):
    """Return a command line with one command, which raises what it is told to."""
    app = typer.Typer()

    @app.callback()
    def options():
        pass

    def raising(error):
        @app.command("fail")
        def fail():
            raise error

        monkeypatch.setattr(cli, "app", app)
        return cli.main(["fail"])

    return raising


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        (LeosplitError("rate_bps must be > 0,\n got -1"), 2, "error: rate_bps must be > 0, got -1\n"),
        (FileNotFoundError(2, "No such file or directory", "a.json"), 2, "error: a.json: No such file or directory\n"),
        (typer.BadParameter("must be full or routing"), 2, "error: Invalid value: must be full or routing"),
        (KeyboardInterrupt(), 1, "error: interrupted\n"),
        (typer.Exit(1), 1, ""),
    ],
)
def test_what_a_command_raises_becomes_one_line_and_a_code(raised, code, message, failing, capsys):
    assert failing(raised) == code
    error = capsys.readouterr().err
    assert error.startswith(message)
    assert error.count("\n") == len(message[:1])


def test_errors_of_ours_are_not_hidden(failing):
    with pytest.raises(ValueError, match="a bug"):
        failing(ValueError("a bug"))


def test_json_documents_hold_no_non_finite_numbers(capsys):
    output.print_json({"a": [np.float64("nan"), np.int64(3)], "b": {"c": float("inf")}, "d": (1.5, None, "x", True)})
    assert json.loads(capsys.readouterr().out) == {"a": [None, 3], "b": {"c": None}, "d": [1.5, None, "x", True]}


def test_ctrl_c_after_the_document_or_handled_before_leaves_the_exit_code(tmp_path):
    code = (
        "import atexit, os, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))\n"
        "from leosplit.cli import main, output\n"
        "clean = output.clean\n"
        "def press(value):\n"
        "    try: exec('raise KeyboardInterrupt')\n"
        "    except KeyboardInterrupt: return clean(value)\n"
        "output.clean = press\n"
        "sys.argv = ['leosplit', 'instance', 'schema', 'instance']\n"
        "sys.exit(main())\n"
    )
    (tmp_path / "pressed.py").write_text(code)
    result = run_python("-m", "pressed", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)


def test_progress_is_silent_for_two_seconds_and_then_shows_incumbent_and_bound(monkeypatch, capsys):
    clock = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    line = progress.ProgressLine()
    line.stage("iridium: exact")
    clock[0] += 1.9
    line.tick()
    assert capsys.readouterr().err == ""
    clock[0] += 20
    line(Progress(20.0, 12.5, None, "round 2"))
    line.tick()
    line.tick()
    assert capsys.readouterr().err == "iridium: exact: 22 s, incumbent 12.5 s, bound –, round 2\n"


def test_tables_align_numbers_and_keep_what_looks_like_markup():
    text = render_table("Gaps", ["scheme", "delay"], [["[bold]even", "1 s"], ["small", "20 s"]])
    lines = text.rstrip().splitlines()
    assert lines[0] == "Gaps"
    assert [line.split() for line in lines[-2:]] == [["[bold]even", "1", "s"], ["small", "20", "s"]]
    assert len(lines[-1]) == len(lines[-2])
