"""The course of a bench: warm-up, the sweep that finds the capacity, rounds that alternate between two servers.

Capacity
    The highest rate at which a server answers 99 % of the requests in their time, none fails, and the 99th percentile
    of the latency stays below a bound. A closed loop says first what the server does at most; then rates up to that are
    tried in an open loop, and the edge is narrowed by halves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from segengine import _segengine
from segengine.bench.figures import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from segengine.bench.questions import Question

# Of what a closed loop did.
_STEPS = (0.1, 0.25, 0.5, 0.7, 0.85, 1.0)
# The edge of a capacity is found to this share of it.
_EXACT = 0.1
# Below a thousandth of it, no rate is a capacity.
_LOWEST = 1e-3
_WARM_UP_S = 0.5
SHARES = (0.5, 0.8, 1.0)


@dataclass(frozen=True)
class Course:
    """How to ask.

    Attributes
    ----------
    seconds : float
        Of each rate; with two servers, of each rate and server, over all rounds.
    connections, threads, in_flight : int
        Of the generator; `in_flight` is of each connection and for the closed loop alone.
    patience : float
        Seconds that answers are waited for after the last request.
    bound_us : float
        Of the 99th percentile, for the capacity.
    rounds : int
        With two servers.
    api_key : str or None
        Sent with every call.
    """

    seconds: float
    connections: int = 4
    threads: int = 1
    in_flight: int = 16
    patience: float = 5.0
    bound_us: float = 10_000.0
    rounds: int = 5
    api_key: str | None = None

    @property
    def probe_seconds(self) -> float:
        """Of one rate of the sweep."""
        return min(max(self.seconds / 10, 0.5), 5.0)


@dataclass(frozen=True)
class Capacity:
    """What a sweep found: the peak of the closed loop, the capacity (0 when no rate held), and the runs."""

    target: str
    peak: float
    capacity: float
    runs: list[Run]


# Is told what runs now, and how much of it is over.
Told: TypeAlias = "Callable[[str, float], None]"


class Bench:
    """Runs against one or two servers.

    Parameters
    ----------
    targets : sequence of str
        One or two.
    question : Question
        What is asked.
    course : Course
        How.
    told : callable
        Is told how far it is.
    """

    def __init__(self, targets: Sequence[str], question: Question, course: Course, told: Told) -> None:
        self.targets = tuple(targets)
        self.course = course
        self.stopped = False
        self._question = question
        self._encoded = question.encoded()
        self._told = told

    def _run(self, target: str, rate: float | None, seconds: float, what: str) -> Run | None:
        """Run once; None when the bench was stopped before."""
        if self.stopped:
            return None
        course = self.course

        def progress(passed: float) -> None:
            self._told(what, min(passed / seconds, 1.0))

        try:
            text = _segengine.generate_load(
                self._encoded,
                {
                    "target": target,
                    "api_key": course.api_key,
                    "rate": rate,
                    "in_flight": course.in_flight,
                    "seconds": seconds,
                    "patience": course.patience,
                    "connections": course.connections,
                    "threads": course.threads,
                },
                progress,
            )
        except KeyboardInterrupt:
            self.stopped = True
            return None
        run = Run.of(text, target, rate, self._question.batch)
        self.stopped = run.stopped
        return run

    def warm_up(self) -> None:
        """Ask each server for half a second and forget it: connections, page tables and caches are then as later."""
        for target in self.targets:
            self._run(target, None, _WARM_UP_S, "warming up")

    def sweep(self) -> list[Capacity]:
        """Find the capacity of each server, the rates of two alternating."""
        sweeps = {target: self._swept(target) for target in self.targets}
        found: dict[str, Capacity] = {}
        while len(found) < len(sweeps):
            for target, sweep in sweeps.items():
                if target not in found:
                    try:
                        next(sweep)
                    except StopIteration as end:
                        found[target] = end.value
        return list(found.values())

    def _swept(self, target: str) -> Generator[None, None, Capacity]:
        seconds = self.course.probe_seconds
        peak = self._run(target, None, seconds, "closed loop")
        yield
        runs: list[Run] = []
        if peak is None or not peak.answered:
            return Capacity(target, 0.0, 0.0, runs)
        steps = _sweep(peak.achieved, self.course.bound_us)
        rate = next(steps)
        while True:
            run = self._run(target, rate, seconds, f"{rate:,.0f} /s")
            yield
            if run is not None and not run.stopped:
                runs.append(run)
            if run is None or run.stopped:
                held = [float(one.rate or 0) for one in runs if one.holds(self.course.bound_us)]
                return Capacity(target, peak.achieved, max(held, default=0.0), runs)
            try:
                rate = steps.send(run)
            except StopIteration as end:
                return Capacity(target, peak.achieved, end.value, runs)

    def rounds(self, rates: Sequence[float]) -> list[Run]:
        """Run each rate; with two servers in rounds A-B-A-B, so that what else the machine does meets both."""
        course = self.course
        count = course.rounds if len(self.targets) > 1 else 1
        runs = []
        for rate in rates:
            for number in range(count):
                for target in self.targets:
                    part = f"round {number + 1}/{count}, " if count > 1 else ""
                    run = self._run(target, rate, course.seconds / count, f"{part}{target}, {rate:,.0f} /s")
                    if run is not None:
                        runs.append(run)
        return runs


def _sweep(peak: float, bound_us: float) -> Generator[float, Run, float]:
    """Yield rates to try, take the run of each; return the highest that held, 0 when none did."""
    held, broke = 0.0, peak * 1.1
    for step in _STEPS:
        run = yield round(peak * step, 1)
        if not run.holds(bound_us):
            broke = peak * step
            break
        held = peak * step
    while not held and broke > peak * _LOWEST:
        run = yield round(broke / 4, 1)
        held, broke = (broke / 4, broke) if run.holds(bound_us) else (held, broke / 4)
    while held and broke - held > _EXACT * held:
        middle = (held + broke) / 2
        run = yield round(middle, 1)
        held, broke = (middle, broke) if run.holds(bound_us) else (held, middle)
    return round(held, 1)
