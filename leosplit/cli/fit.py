"""``leosplit fit``: from measurements to a curve; ``fit predict`` and ``fit compare`` beside it.

``leosplit fit FILES`` is short for ``leosplit fit curve FILES``. The commands are modules of their own, which are
imported when the group is used, so that their choices can follow from the registries of `fitting`.
"""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

DEFAULT = "curve"
COMMANDS = (DEFAULT, "predict", "compare")


class FitGroup(TyperGroup):
    """The group: words that begin with no command's name are those of the default."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default command before words that name none."""
        if not args or args[0] not in COMMANDS:
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command by its name, importing its module."""
        if cmd_name not in COMMANDS:
            return None
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(cmd_name)(import_module(f"leosplit.cli.fit_{cmd_name}").command)
        return typer.main.get_command(single)


app = typer.Typer(cls=FitGroup, rich_markup_mode=None, help="Fit a curve to measurements, predict, compare two.")
