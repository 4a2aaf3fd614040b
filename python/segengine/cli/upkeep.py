"""`segengine serve|verify|info|limits|version`: running an engine, and looking after it."""

import platform
import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn

import typer

import segengine
from segengine import Engine, Finding, Info, VerifyReport, phrases
from segengine.cli.answer import Answer, facts, plain, table
from segengine.cli.command import command
from segengine.cli.refusal import FAILED, Misuse
from segengine.cli.where import Where
from segengine.progress import bar


def serve(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DIR",
            envvar="SEGENGINE_DATA",
            show_envvar=False,
            show_default=False,
            help="The data directory.  [env: SEGENGINE_DATA]",
        ),
    ] = None,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="An address of this machine itself.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="PORT", min=0, max=65_535, help="0 takes a free one.")] = 50_051,
    key_file: Annotated[
        str | None,
        typer.Option("--key-file", metavar="PATH", help="The identifier key, if not beside DIR.", show_default=False),
    ] = None,
) -> None:
    """Serve a data directory over gRPC until Ctrl-C; it is made when it is absent."""
    if data is None:
        raise Misuse("which data directory?", "segengine serve DIR, or set SEGENGINE_DATA")
    with segengine.serve(data, host=host, port=port, key_file=key_file) as server:
        signal.signal(signal.SIGTERM, _stop)
        sys.stdout.write(f"{phrases.banner(segengine.__version__, data, server.target)}\n")
        sys.stdout.flush()
        try:
            server.wait()
        except KeyboardInterrupt:
            sys.stderr.write("\nstopping: running calls may end\n")


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def verify(
    where: Where,
    directory: Annotated[
        str | None, typer.Argument(metavar="DIR", show_default=False, help="The same as --data: nobody may serve it.")
    ] = None,
) -> Answer:
    """Recompute every record from files and links, and compare; name what is damaged.

    A directory is read as it lies there, however damaged; a server verifies itself while it serves.
    """
    del directory  # it is in `where`
    with bar("verify", None) as shown:

        def told(phase: str, done: int, total: int) -> None:
            shown.phase(phase, done / total if total else None)

        if where.data is not None:
            report = segengine.verify_directory(where.data, key_file=where.key_file, progress=told)
        else:
            with where.open() as engine:
                report = engine.verify(told)
    data = {"sound": report.sound, **plain(report)}
    return Answer(data, lambda: _verify_text(report), 0 if report.sound else FAILED)


def _verify_text(report: VerifyReport) -> str:
    looked_at = (
        f"{phrases.count(report.files, 'file')}, {phrases.count(report.bytes, 'byte')},"
        f" {phrases.count(report.records, 'record')}"
    )
    if report.sound:
        return f"sound: {looked_at}"
    rows = [
        (one.file or "in memory", "" if one.offset is None else f"byte {one.offset:,}", _without_place(one))
        for one in report.findings
    ]
    head = f"damaged: {phrases.count(len(rows), 'finding')} in {looked_at}"
    foot = "nothing was repaired: restore from a backup what is damaged"
    return f"{head}\n{table(('FILE', 'AT', 'WHAT'), rows)}\n{foot}"


def _without_place(finding: Finding) -> str:
    """Return what is wrong, without the file and the byte, which have columns of their own."""
    return finding.message.removeprefix(f"{finding.file}: ").removeprefix(f"damaged at byte {finding.offset}: ")


def _checkpoint(found: Info) -> str:
    """Say when the records were last checkpointed, or why they were not."""
    if found.checkpoint_failure:
        return f"FAILED: {found.checkpoint_failure}"
    if found.checkpoint_time is None:
        return "none: none is needed yet"
    took = f", written in {found.checkpoint_us / 1e3:,.0f} ms" if found.checkpoint_us else ""
    size = phrases.count(found.checkpoint_bytes, "byte")
    return f"{found.checkpoint_time:%Y-%m-%d %H:%M:%S} UTC, up to revision {found.checkpoint_revision}, {size}{took}"


def info(engine: Engine) -> Answer:
    """Say what an engine is, and how much it holds."""
    found = engine.info()
    numbers = ("identifiers", "links", "memberships", "advertisers", "campaigns", "segments", "adgroups")
    pairs = [
        ("version", found.version),
        ("engine", found.engine_id),
        ("directory", found.data_directory),
        ("generation", phrases.count(found.generation)),
        ("revision", phrases.count(found.revision)),
        *((name, phrases.count(getattr(found, name))) for name in numbers),
        ("index built", f"{phrases.count(found.index_builds)} times, the last in {found.index_build_us / 1e3:,.1f} ms"),
        ("records", found.records_source),
        ("checkpoint", _checkpoint(found)),
        ("writing", "STOPPED after a failed sync: restart it" if found.poisoned else "works"),
        *(("notice", notice) for notice in found.notices),
    ]
    return Answer(found, lambda: facts(pairs))


def limits(engine: Engine) -> Answer:
    """List every bound of an engine."""
    found = engine.limits()
    rows = [(one.name, phrases.count(one.value), one.unit, one.meaning) for one in found.values()]
    return Answer(found, lambda: table(("LIMIT", "VALUE", "UNIT", "WHY"), rows, numbers=(1,)))


def version() -> Answer:
    """Say which version this is."""
    data = {"version": segengine.__version__, "python": platform.python_version(), "platform": platform.platform()}
    return Answer(data, f"segengine {segengine.__version__}")


def register(app: typer.Typer) -> None:
    """Make these functions commands of `app`."""
    for function in (serve, verify, info, limits, version):
        command(app, function.__name__)(function)
