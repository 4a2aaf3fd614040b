"""gRPC Match with 50 candidates, beside an empty tonic echo and a grpcio server; MatchBatch beside Match.

    python benches/compare/unary.py [--users 200000] [--rounds 5] [--seconds 4] [--record DIR]

Servers run one at a time in processes of their own; the client (rust/segengine-load/examples/load.rs) sends frames
made beforehand over bare HTTP/2 connections. Each round asks every server in turn: a closed loop finds the capacity,
then an open loop at 30 % of that server's own capacity gives its latency. CPU is that of the server's process, from
/proc, for each answer. Match is asked about the adgroups of W1, each time with another list of candidates; the grpcio
server answers from SetCandidates of baseline.py. MatchBatch asks for 64 users with one list of candidates, in the same
rounds, from the same server and by the same client. Answers are compared with the oracle before anything is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np

import segengine
from segengine.v1 import targeting_pb2

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import baseline
import workload
from loaded import build_engine, digest_of
from recording import BENCHES, keep, print_rounds

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = BENCHES.parent
PATH = "/segengine.v1.Targeting/Match"
CONNECTIONS, IN_FLIGHT = 4, 16
CANDIDATES = 50
BATCH_PATH = "/segengine.v1.Targeting/MatchBatch"
# A batch is 64 times the work of a call, so fewer of them keep a server busy.
BATCH_USERS, BATCH_IN_FLIGHT = 64, 4


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def build_binaries() -> Path:
    """Build server, echo and load client for release; returns their folder."""
    command = [
        ROOT / "tools" / "cargo.sh",
        "build",
        "--release",
        "--locked",
        "-p",
        "segengine-server",
        "-p",
        "segengine-load",
    ]
    subprocess.run([*command, "--bins", "--examples"], cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"


def requests(w: workload.Workload, ids: np.ndarray, seed: int, count: int) -> list[tuple[int, np.ndarray, bytes]]:
    """User, candidates and the encoded request of each of ``count`` impressions."""
    rng = np.random.default_rng(seed)
    made = []
    for user in rng.choice(w.U, count, replace=False):
        candidates = rng.choice(w.A, CANDIDATES, replace=False)
        request = targeting_pb2.MatchRequest(id=int(user))
        request.identifiers.add(kind="KIND_EMAIL_MD5", value=bytes(digest_of(np.array([user]))[0]))
        request.only.ids.extend(ids[candidates].tolist())
        made.append((int(user), candidates, request.SerializeToString()))
    return made


def batches(w: workload.Workload, ids: np.ndarray, seed: int, count: int) -> list[tuple[np.ndarray, np.ndarray, bytes]]:
    """Users, candidates and the encoded request of each of ``count`` batches."""
    rng = np.random.default_rng(seed + 1)
    made = []
    for _ in range(count):
        users = rng.choice(w.U, BATCH_USERS, replace=False)
        candidates = rng.choice(w.A, CANDIDATES, replace=False)
        request = targeting_pb2.MatchBatchRequest(id=1)
        request.column.kind, request.column.width = 1, 16
        request.column.packed = digest_of(users).tobytes()
        request.only.ids.extend(ids[candidates].tolist())
        made.append((users, candidates, request.SerializeToString()))
    return made


@contextmanager
def server(command: list[str], target_word: int) -> Iterator[tuple[str, int]]:
    """Run a server; gives its target, read from a word of its first line, and its process id."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()  # type: ignore[union-attr]
        yield line.split()[target_word], process.pid
    finally:
        process.terminate()
        process.wait(30)


def load(
    client: Path, target: str, frames: Path, seconds: float, rate: float = 0.0, *, batch: bool = False
) -> dict[str, float]:
    """Run the load client once: closed loop, or open at a rate."""
    in_flight = BATCH_IN_FLIGHT if batch else IN_FLIGHT
    command = [client, target, frames, CONNECTIONS, in_flight, seconds, rate, *([BATCH_USERS] if batch else [])]
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def measure(
    where: tuple[str, str, int], options: Any, rounds: dict[str, list[float]], paths: tuple[Path, Path]
) -> None:
    """Capacity, CPU an answer, latency at 30 % of the capacity."""
    (side, target, pid), (client, frames) = where, paths
    load(client, target, frames, 0.5)
    before = cpu_seconds(pid)
    full = load(client, target, frames, options.seconds)
    spent = cpu_seconds(pid) - before
    third = load(client, target, frames, options.seconds, 0.3 * full["rate"])
    if full["failures"] or third["failures"]:
        sys.exit(f"error: {side}: {full['failures'] + third['failures']:.0f} requests failed")
    for name, value in (
        ("answers/s", full["rate"]),
        ("server CPU us", spent / full["answers"] * 1e6),
        ("p50 us at 30 %", third["p50_us"]),
        ("p99 us at 30 %", third["p99_us"]),
    ):
        rounds.setdefault(f"{side}: {name}", []).append(value)


def measure_batches(
    target: str, pid: int, options: Any, rounds: dict[str, list[float]], paths: tuple[Path, Path]
) -> None:
    """Users of batches each second, and CPU of the server for each."""
    client, frames = paths
    load(client, target, frames, 0.5, batch=True)
    before = cpu_seconds(pid)
    full = load(client, target, frames, options.seconds, batch=True)
    spent = cpu_seconds(pid) - before
    third = load(client, target, frames, options.seconds, 0.3 * full["rate"], batch=True)
    if full["failures"] or third["failures"]:
        sys.exit(f"error: {full['failures'] + third['failures']:.0f} batches failed")
    for name, value in (
        ("users/s", full["rate"] * BATCH_USERS),
        ("server CPU us a user", spent / full["answers"] / BATCH_USERS * 1e6),
        ("p50 us at 30 %", third["p50_us"]),
        ("p99 us at 30 %", third["p99_us"]),
    ):
        rounds.setdefault(f"batch: {name}", []).append(value)


def check_batches(target: str, w: workload.Workload, ids: np.ndarray, made: list[Any]) -> int:
    """Number of users of batches whose answer differs from the oracle."""
    wrong = 0
    with grpc.insecure_channel(target) as channel:
        call = channel.unary_unary(
            BATCH_PATH, request_serializer=bytes, response_deserializer=targeting_pb2.MatchBatchResponse.FromString
        )
        for users, candidates, encoded in made:
            answer = call(encoded)
            for place, user in enumerate(users):
                holds = set(workload.oracle(w, user).tolist())
                expected = [int(ids[a]) for a in candidates if a in holds]
                found = answer.adgroups[answer.offsets[place] : answer.offsets[place + 1]]
                wrong += list(found) != expected
    return wrong


def check(target: str, w: workload.Workload, ids: np.ndarray, made: list[Any]) -> int:
    """Number of impressions whose answer differs from the oracle."""
    wrong = 0
    with grpc.insecure_channel(target) as channel:
        call = channel.unary_unary(
            PATH, request_serializer=bytes, response_deserializer=targeting_pb2.MatchResponse.FromString
        )
        for user, candidates, encoded in made:
            holds = set(workload.oracle(w, user).tolist())
            expected = [int(ids[a]) for a in candidates if a in holds]
            wrong += list(call(encoded).adgroups) != expected
    return wrong


def serve_baseline(folder: Path, seed: int, users: int, adgroups: int) -> None:
    """A grpcio server over SetCandidates, as a Python team writes it first; prints its target, serves until killed."""
    w = workload.generate(seed=seed, U=users, A=adgroups)
    side = baseline.SetCandidates()
    ids = np.load(folder / "ids.npy")
    for number, (include, exclude) in enumerate(w.adgroups()):
        side.add(int(ids[number]), include, exclude)
    known = {bytes(row): number for number, row in enumerate(digest_of(np.arange(w.U)))}

    def match(request: targeting_pb2.MatchRequest, _: grpc.ServicerContext) -> targeting_pb2.MatchResponse:
        user = w.user(known[request.identifiers[0].value])
        return targeting_pb2.MatchResponse(id=request.id, adgroups=side.check(user, request.only.ids), generation=1)

    handler = grpc.unary_unary_rpc_method_handler(
        match, targeting_pb2.MatchRequest.FromString, targeting_pb2.MatchResponse.SerializeToString
    )
    service = grpc.method_handlers_generic_handler("segengine.v1.Targeting", {"Match": handler})
    python = grpc.server(futures.ThreadPoolExecutor(4))
    python.add_generic_rpc_handlers((service,))
    port = python.add_insecure_port("127.0.0.1:0")
    python.start()
    print(f"127.0.0.1:{port}", flush=True)
    python.wait_for_termination()


def main() -> None:
    """Run, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--adgroups", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--oracle", type=int, default=300)
    parser.add_argument("--serve-baseline", type=Path)
    parser.add_argument("--record", type=Path, default=BENCHES / "record")
    options = parser.parse_args()
    if options.serve_baseline:
        serve_baseline(options.serve_baseline, options.seed, options.users, options.adgroups)
        return
    binaries = build_binaries()
    rounds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        w = workload.generate(seed=options.seed, U=options.users, A=options.adgroups)
        with segengine.open(folder / "data") as engine:
            ids, _ = build_engine(engine, w)
        np.save(folder / "ids.npy", ids)
        made = requests(w, ids, options.seed, 20_000)
        frames = folder / "frames"
        frames.write_bytes(b"".join(struct.pack(">BI", 0, len(encoded)) + encoded for *_, encoded in made))
        many = batches(w, ids, options.seed, 2_000)
        batch_frames = folder / "batches"
        batch_frames.write_bytes(b"".join(struct.pack(">BI", 0, len(encoded)) + encoded for *_, encoded in many))
        python = [sys.executable, __file__, "--serve-baseline", name, "--seed", str(options.seed)]
        python += ["--users", str(options.users), "--adgroups", str(options.adgroups)]
        ours = [str(binaries / "segengine-server"), str(folder / "data"), "--listen", "127.0.0.1:0"]
        sides = {"ours": ours, "echo": [str(binaries / "examples" / "echo"), "127.0.0.1:0"], "grpcio": python}
        paths = (binaries / "examples" / "load", frames)
        wrong = {}
        for side in ("ours", "grpcio"):
            with server(sides[side], TARGET_WORD[side]) as (target, _):
                wrong[side] = check(target, w, ids, made[: options.oracle])
                if side == "ours":
                    wrong["batch"] = check_batches(target, w, ids, many[: options.oracle // BATCH_USERS + 1])
        for number in range(options.rounds):
            names = list(sides)
            for side in names[number % len(names) :] + names[: number % len(names)]:
                with server(sides[side], TARGET_WORD[side]) as (target, pid):
                    time.sleep(0.2)
                    measure((side, target, pid), options, rounds, paths)
                    if side == "ours":
                        measure_batches(target, pid, options, rounds, (paths[0], batch_frames))
    report(options, rounds, wrong)


# Where the target stands in the first line that a server prints.
TARGET_WORD = {"ours": 7, "echo": 0, "grpcio": 0}


def report(options: Any, rounds: dict[str, list[float]], wrong: dict[str, int]) -> None:
    """Print medians and ratios, keep every round."""
    print_rounds(rounds, "", wrong)
    median = {name: statistics.median(values) for name, values in rounds.items()}
    ratios = {
        "throughput, ours / echo": median["ours: answers/s"] / median["echo: answers/s"],
        "throughput, ours / grpcio": median["ours: answers/s"] / median["grpcio: answers/s"],
        "server CPU us, ours - echo": median["ours: server CPU us"] - median["echo: server CPU us"],
        "p50 at 30 %, ours / echo": median["ours: p50 us at 30 %"] / median["echo: p50 us at 30 %"],
    }
    batch = "batch: users/s"
    ratios["users/s, batches / unary"] = median[batch] / median["ours: answers/s"]
    ratios["users/s of batches, millions"] = median[batch] / 1e6
    for name, ratio in ratios.items():
        print(f"{name:44} {ratio:8.2f}")
    facts = {"options": vars(options), "rounds": rounds, "ratios": ratios, "wrong": wrong}
    print(keep(options.record, "unary", facts))


if __name__ == "__main__":
    main()
