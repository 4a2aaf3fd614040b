"""The command line: `segengine …`, a face of the public Python API and nothing more.

Each command is a function from an engine and arguments to an `Answer` (a value for ``--json``, a text for people);
`command.py` gives all of them ``--data``, ``--target``, ``--timeout`` and ``--json``, opens the engine, prints, and
turns every refusal into ``error:`` and ``hint:`` lines and an exit code. A command that needed more than the API offers
would show that the API lacks something.
"""

from segengine.cli.program import main

__all__ = ["main"]
