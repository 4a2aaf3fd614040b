"""How a function becomes a command: the options that all commands share, the engine, the printing, the exit code.

A command is written as a plain function that returns an `Answer`, or prints by itself and returns None. A parameter of
type `Engine` receives the engine that the options name, opened for the time of the call; one of type `Where` only its
name (and takes a `directory` for ``--data``); all others are the command's own arguments, as typer reads them from
their annotations. So the annotations of commands are looked at while the program runs, and these modules do without
``from __future__ import annotations``.
"""

import inspect
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import typer

from segengine import Engine
from segengine.cli.answer import Answer, emit
from segengine.cli.refusal import Misuse, interrupted, refuse
from segengine.cli.where import Where, chosen
from segengine.errors import SegengineError

F = TypeVar("F", bound=Callable[..., Answer] | Callable[..., None])

_PANEL = "Which engine, and how"
Data = Annotated[
    str | None,
    typer.Option("--data", metavar="DIR", help="A data directory, opened in this process.  [env: SEGENGINE_DATA]"),
]
Target = Annotated[
    str | None,
    typer.Option("--target", metavar="HOST:PORT", help="A server instead.  [env: SEGENGINE_TARGET]"),
]
_COMMAND_DATA = Annotated[
    str | None,
    typer.Option("--data", metavar="DIR", help="A data directory.  [env: SEGENGINE_DATA]", rich_help_panel=_PANEL),
]
_COMMAND_TARGET = Annotated[
    str | None,
    typer.Option(
        "--target", metavar="HOST:PORT", help="A server instead.  [env: SEGENGINE_TARGET]", rich_help_panel=_PANEL
    ),
]
_TIMEOUT = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", min=0.001, help="How long a server may take.", rich_help_panel=_PANEL),
]
_KEY_FILE = Annotated[
    str | None,
    typer.Option(
        "--key-file", metavar="PATH", help="The key of the data directory, if not beside it.", rich_help_panel=_PANEL
    ),
]
_JSON = Annotated[bool, typer.Option("--json", help="Answer as JSON.", rich_help_panel=_PANEL)]


@dataclass(frozen=True)
class Outer:
    """The options given before the name of the command."""

    data: str | None = None
    target: str | None = None
    as_json: bool = False


def _option(name: str, annotation: Any, default: Any = None) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


_CONTEXT = inspect.Parameter("_typer", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
_ENGINE_OPTIONS = (
    _option("data", _COMMAND_DATA),
    _option("target", _COMMAND_TARGET),
    _option("timeout", _TIMEOUT),
    _option("key_file", _KEY_FILE),
)
_JSON_OPTION = _option("as_json", _JSON, default=False)


def command(app: typer.Typer, name: str, *, writes: bool = False, creates: bool = False) -> Callable[[F], F]:
    """Make a function a command of `app`; the function itself stays what it was.

    Parameters
    ----------
    app : Typer
        The group.
    name : str
        What a person types.
    writes : bool
        Whether it changes something, so that a refusal says that nothing was changed.
    creates : bool
        Whether an absent data directory is made.
    """

    def register(function: F) -> F:
        app.command(name)(_runner(function, writes=writes, creates=creates))
        return function

    return register


def _runner(function: Callable[..., Answer | None], *, writes: bool, creates: bool) -> Callable[..., None]:
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())
    places = {one.name: one.annotation for one in parameters if one.annotation in (Engine, Where)}
    own = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters if one.name not in places]
    answers = signature.return_annotation is Answer
    shared = (*(_ENGINE_OPTIONS if places else ()), *((_JSON_OPTION,) if answers else ()), _CONTEXT)

    def run(**given: Any) -> None:
        outer: Outer = given.pop("_typer").obj or Outer()
        as_json = given.pop("as_json", False) or outer.as_json
        try:
            with ExitStack() as stack:
                if places:
                    where = _where(given, outer)
                    for parameter, kind in places.items():
                        opened = stack.enter_context(where.open(create=creates)) if kind is Engine else where
                        given[parameter] = opened
                answer = function(**given)
            if answer is not None:
                emit(answer, as_json=as_json)
        except (SegengineError, Misuse) as error:
            raise typer.Exit(refuse(error, writes=writes, as_json=as_json)) from error
        except KeyboardInterrupt:
            raise typer.Exit(interrupted(writes=writes)) from None
        if answer is not None and answer.exit_code:
            raise typer.Exit(answer.exit_code)

    run.__doc__ = function.__doc__
    run.__name__ = function.__name__
    run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in (*own, *shared)}
    return run


def _where(given: dict[str, Any], outer: Outer) -> Where:
    data, target = given.pop("data"), given.pop("target")
    timeout_s, key_file = given.pop("timeout"), given.pop("key_file")
    directory = given.get("directory")
    if directory is not None and (data is not None or target is not None):
        raise Misuse(f"{directory} and --data or --target are both given", "give one of them")
    data, target = chosen((directory or data, target), (outer.data, outer.target), os.environ)
    return Where(data, target, timeout_s, key_file)
