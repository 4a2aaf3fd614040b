"""Our engine asked from Rust in a process of its own: the second line of ours, without Python around it.

The data directory is copied, so both engines have the same adgroups under the same ids. A *run* is a list of users with
as many candidates each, or none for all adgroups; runs are written to a file before any clock and asked by number.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
from generated import BENCHES
from peers import Program

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

PROGRAM = BENCHES.parent / "target" / "release" / "examples" / "in_process"


class InProcess(Program):
    """The example program over a copy of a data directory that nobody has open."""

    def __init__(self, data: Path, runs: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint32] | None]]) -> None:
        """Copy the data and write the runs: digests, shape (users, 16), and candidates, shape (users, k), or all."""
        folder = data.with_name(data.name + "-in-process")
        shutil.copytree(data, folder)
        shutil.copy(data.with_name(data.name + ".key"), folder.with_name(folder.name + ".key"))
        questions = folder.with_name("questions.bin")
        with questions.open("wb") as file:
            np.array([len(runs)], "<u4").tofile(file)
            for digests, candidates in runs:
                words = np.ascontiguousarray(digests).view("<u4")
                rows = words if candidates is None else np.hstack([words, candidates.astype("<u4")])
                np.array([len(words), rows.shape[1] - 4], "<u4").tofile(file)
                np.ascontiguousarray(rows, "<u4").tofile(file)
        super().__init__("in process", [str(PROGRAM), str(folder), str(questions)])

    def microseconds(self, run: int) -> float:
        """What each user of a run took."""
        return float(self.ask(f"time {run}"))

    def answers(self, run: int, users: int) -> list[NDArray[np.int32]]:
        """The adgroups that each user of a run may see."""
        return self.lists(f"answers {run}", users)
