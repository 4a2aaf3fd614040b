"""The program: all commands under one name, and what happens before and after each.

typer reads the arguments; what it says of a wrong command line is said in our two lines and with exit code 2, so that
every refusal of this program looks the same.
"""

import io
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

import segengine
from segengine.cli import bench, bulk, catalog, questions, segments, size, targeting, upkeep
from segengine.cli.answer import write
from segengine.cli.command import Data, Outer, Target, command
from segengine.cli.refusal import FAILED, USAGE, Misuse, refuse

_EPILOG = """Exit codes: 0 ok · 1 failed · 2 usage · 3 not found · 4 refused by a limit · 5 unavailable."""

app = typer.Typer(
    name="segengine",
    help="From customer files to a yes/no per ad impression.",
    epilog=_EPILOG,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
# What typer raises for a wrong command line; its module is private, its position in the tree is not.
_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]


def _version(asked: bool) -> None:
    if asked:
        write(f"segengine {segengine.__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    data: Data = None,
    target: Target = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Say the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    del version  # its callback has answered
    context.obj = Outer(data, target, as_json)


def _register() -> None:
    for group in (segments.app, catalog.campaigns, catalog.adgroups, catalog.advertisers):
        app.add_typer(group)
    command(app, "target", writes=True)(targeting.target)
    for module in (questions, bulk, bench, size, upkeep):
        module.register(app)


_register()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no ✘ shows another mark, and no traceback
    try:
        code = typer.main.get_command(app).main(given, prog_name="segengine", standalone_mode=False)
    except _USAGE_ERROR as error:
        misuse = _misuse(error)
        return USAGE if misuse is None else refuse(misuse, writes=False, as_json="--json" in given)
    except typer.Abort:
        return FAILED
    return code if isinstance(code, int) else 0


def _misuse(error: Exception) -> Misuse | None:
    """Return typer's complaint in our form; None for a group without a command, which has shown its help."""
    message = str(getattr(error, "format_message", error.__str__)()).rstrip(".")
    context = getattr(error, "ctx", None)
    name = context.command_path if context is not None else "segengine"
    if not message or "\n" in message:
        return None
    return Misuse(message[0].lower() + message[1:], f"{name} --help")
