"""Match all adgroups, and candidates, beside the baselines and the peers: one driver, interleaved rounds.

    python benches/compare/matching.py [--definition W1] [--seed 7] [--users 200000] [--rounds 5] [--record DIR]

Each round draws blocks of distinct users that nobody has asked for yet, and the sides take turns. Each line of ours
has a block of its own, so that every record is cold; the others, which are given the segments, share the block of our
first line, and slow peers are asked its first users, as many as the definition says. Ours starts from the identifier;
the others from the user's segments, made before the clock in the form that each wants. The batch lines are one call
of ours for the whole block: what is left of the time when Python asks only once. Before timing, the answers to
``--oracle`` users are compared with the workload's own oracle: a side that differs is marked WRONG with its count.
Ours is asked twice: through Python, which is the line that counts, and from Rust over a copy of the same data. Every
round is kept in the record, with the hashes of the inputs and the reason for each peer that is not here.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import segengine

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import workload
from databases import DuckDb, Redis
from generated import definition, generated, hash_of, write_for_peers
from in_process import InProcess
from loaded import build_baselines, build_engine, digest_of
from peers import NotHereError, Peer
from recording import BENCHES, keep, print_rounds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from generated import Definition

    Run = Callable[[], Any]

INDEXES = ("pyroaring offset", "numpy slots")
REDIS_USERS = 20_000
CONTIGUOUS = 50
LANES = 6  # lines of ours through Python
IN_PROCESS = ("match all", "50 candidates", "500 candidates")  # lines of ours from Rust
IN_PROCESS_LANES = (0, 2, 5)  # whose users these ask for: in another process they are as cold


@dataclass
class World:
    """The workload, its users in the order in which they are asked, and every side."""

    defined: Definition
    w: workload.Workload
    engine: Any
    ids: np.ndarray
    sides: dict[str, Any]
    order: np.ndarray
    peers: dict[str, Any]
    drawable: np.ndarray
    in_process: Any = None

    def users(self, number: int, lane: int = 0) -> np.ndarray:
        """The block of a round and a lane; the oracle's users come before all blocks."""
        first = self.defined.oracle + (lane * self.defined.rounds + number) * self.defined.block
        return self.order[first : first + self.defined.block]

    def text(self, user: int) -> str:
        """How ours is asked for a user."""
        return "email_md5:" + bytes(digest_of(np.array([user]))[0]).hex()


def let_go(answers: Iterable[Any]) -> None:
    """Take answers one by one and keep none, as a server does: kept, they cost both sides fresh pages of memory."""
    deque(answers, maxlen=0)


class Block:
    """What every side is asked in one round, chosen before any clock."""

    def __init__(self, world: World, number: int) -> None:
        rng = np.random.default_rng([world.defined.seed, number])
        self.lanes = [world.users(number, lane) for lane in range(LANES)]
        self.users = self.lanes[0]
        few, many = min(50, len(world.drawable)), min(500, len(world.drawable))
        self.fifty = [rng.choice(world.drawable, few, replace=False) for _ in self.users]
        self.hundreds = [rng.choice(world.drawable, many, replace=False) for _ in self.users]
        first = int(rng.integers(0, max(1, len(world.drawable) - CONTIGUOUS)))
        self.contiguous = world.drawable[first : first + CONTIGUOUS]


@dataclass
class Asking:
    """The questions of one block, made just before the clock starts: a request has just come in when it is answered."""

    world: World
    block: Block

    def ours(self, lane: int) -> Run:
        """All adgroups, user by user."""
        ask, texts = self.world.engine.match, self._texts(lane)
        return lambda: let_go(ask(text).adgroups for text in texts)

    def ours_among(self, lane: int, lists: list[np.ndarray]) -> Run:
        """Candidates, user by user."""
        ask, ids = self.world.engine.match, self.world.ids
        pairs = list(zip(self._texts(lane), [ids[some] for some in lists], strict=True))
        return lambda: let_go(ask(text, candidates=some).adgroups for text, some in pairs)

    def ours_at_once(self, lane: int, lists: list[np.ndarray] | None = None) -> Run:
        """One batch of the whole block."""
        ask = self.world.engine.match_batch
        column = segengine.Identifiers("email_md5", digest_of(self.block.lanes[lane]))
        if lists is None:
            return lambda: ask(column)
        offsets = np.concatenate([[0], np.cumsum([len(some) for some in lists])]).astype(np.int64)
        flat = self.world.ids[np.concatenate(lists)]
        return lambda: ask(column, candidates=(offsets, flat))

    def index(self, name: str) -> Run:
        """All adgroups, by a baseline."""
        ask, users = self.world.sides[name].match_ids, self._lists()
        return lambda: let_go(ask(user) for user in users)

    def sets(self, lists: list[np.ndarray]) -> Run:
        """Candidates, by the baseline for them."""
        check = self.world.sides["python sets"].check
        pairs = list(zip(self._lists(), [some.tolist() for some in lists], strict=True))
        return lambda: let_go(check(user, some) for user, some in pairs)

    def _texts(self, lane: int) -> list[str]:
        return ["email_md5:" + bytes(row).hex() for row in digest_of(self.block.lanes[lane])]

    def _lists(self) -> list[list[int]]:
        return [self.world.w.user(user) for user in self.block.users]


def our_runs(world: World, block: Block) -> dict[str, Callable[[], Run]]:
    """Ours and the baselines: what makes the questions of the block, and then what asks them."""
    asking = Asking(world, block)
    contiguous = [block.contiguous] * len(block.users)
    return {
        "ours: match all": lambda: asking.ours(0),
        "ours: match all, one batch": lambda: asking.ours_at_once(1),
        **{f"{name}: match_ids": lambda name=name: asking.index(name) for name in INDEXES},
        "ours: 50 candidates": lambda: asking.ours_among(2, block.fifty),
        "ours: 50 candidates, one batch": lambda: asking.ours_at_once(3, block.fifty),
        "python sets: 50 candidates": lambda: asking.sets(block.fifty),
        "ours: 50 contiguous": lambda: asking.ours_among(4, contiguous),
        "python sets: 50 contiguous": lambda: asking.sets(contiguous),
        "ours: 500 candidates": lambda: asking.ours_among(5, block.hundreds),
        "python sets: 500 candidates": lambda: asking.sets(block.hundreds),
    }


def runs_in_process(world: World, blocks: list[Block]) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """What ours is asked from Rust: the oracle's users, then each round's lines."""
    runs: list[tuple[np.ndarray, np.ndarray | None]] = [(digest_of(world.order[: world.defined.oracle]), None)]
    for number, block in enumerate(blocks):
        lists = (None, world.ids[np.array(block.fifty)], world.ids[np.array(block.hundreds)])
        for lane, candidates in zip(IN_PROCESS_LANES, lists, strict=True):
            runs.append((digest_of(world.users(number, lane)), candidates))
    return runs


def rust_runs(world: World, number: int) -> dict[str, Callable[[], float]]:
    """Ours from Rust, which says itself what a user took."""
    asked = world.in_process.microseconds
    first = 1 + number * len(IN_PROCESS)
    return {
        f"ours in Rust: {line}": lambda run=first + place: asked(run)  # type: ignore[misc]
        for place, line in enumerate(IN_PROCESS)
    }


def peer_runs(world: World, block: Block, number: int) -> dict[str, Callable[[], float]]:
    """The peers: each says itself how many microseconds a user took it."""
    runs: dict[str, Callable[[], float]] = {}
    for name, peer in world.peers.items():
        count = min(world.defined.peers[name], len(block.users))
        if isinstance(peer, Peer):
            first = world.defined.oracle + sum(world.defined.peers[name] for _ in range(number))
            runs[f"{name}: match all"] = lambda peer=peer, first=first, count=count: peer.microseconds(first, count)
        elif isinstance(peer, DuckDb):
            lists = [world.w.user(user) for user in block.users[:count]]
            ask = lambda peer=peer, lists=lists: let_go(peer.match_ids(user) for user in lists)  # noqa: E731 - one of a pair
            runs["duckdb: match all"] = lambda ask=ask, count=count: timed(ask, count)
        else:
            keys = [bytes(row) for row in digest_of(block.users[:count])]
            pairs = [(key, some.tolist()) for key, some in zip(keys, block.fifty[:count], strict=True)]
            checker = world.sides["python sets"]
            ask = lambda peer=peer, pairs=pairs: let_go(peer.check(checker, key, some) for key, some in pairs)  # noqa: E731
            runs["redis: 50 candidates"] = lambda ask=ask, count=count: timed(ask, count)
    return runs


def timed(run: Callable[[], Any], count: int) -> float:
    """Microseconds for each of ``count`` users inside ``run``."""
    started = time.perf_counter()
    run()
    return (time.perf_counter() - started) / count * 1e6


def measure(world: World, blocks: list[Block]) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Every round of every side, in microseconds a user; and the CPU time of the sides in this process, less noisy."""
    rounds: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    for number, block in enumerate(blocks):
        ours, others = our_runs(world, block), rust_runs(world, number) | peer_runs(world, block, number)
        names = [*ours, *others]
        turn = number * 3 % len(names)
        for name in names[turn:] + names[:turn]:
            if name in others:
                rounds.setdefault(name, []).append(others[name]())
                continue
            run = ours[name]()
            before = time.process_time()
            rounds.setdefault(name, []).append(timed(run, len(block.users)))
            cpu.setdefault(name, []).append((time.process_time() - before) / len(block.users) * 1e6)
    return rounds, cpu


def check(world: World) -> dict[str, int]:
    """Number of users whose answer differs from the oracle, for each side."""
    w, ids, sides = world.w, world.ids, world.sides
    rng = np.random.default_rng(world.defined.seed)
    asked = world.order[: world.defined.oracle]
    wrong = dict.fromkeys(("ours", "ours in Rust", *INDEXES, "python sets", *world.peers), 0)
    expected = [workload.oracle(w, user) for user in asked]
    batch = world.engine.match_batch(segengine.Identifiers("email_md5", digest_of(asked)))
    for place, (user, truth) in enumerate(zip(asked, expected, strict=True)):
        text, held, holds = world.text(user), w.user(user), set(truth.tolist())
        sorted_ids = np.sort(ids[truth])
        wrong["ours"] += not np.array_equal(np.sort(world.engine.match(text).adgroups), sorted_ids)
        in_batch = batch.adgroups[batch.offsets[place] : batch.offsets[place + 1]]
        wrong["ours"] += not np.array_equal(np.sort(in_batch), sorted_ids)
        for name in INDEXES:
            wrong[name] += not np.array_equal(np.sort(sides[name].match_ids(held)), truth)
        for count in (50, 500):
            some = rng.choice(world.drawable, min(count, len(world.drawable)), replace=False)
            right = [int(a) for a in some if int(a) in holds]
            wrong["python sets"] += sides["python sets"].check(held, some.tolist()) != right
            wrong["ours"] += world.engine.match(text, candidates=ids[some]).adgroups.tolist() != ids[right].tolist()
            if isinstance(redis := world.peers.get("redis"), Redis) and count == 50:
                found = redis.check(sides["python sets"], bytes(digest_of(np.array([user]))[0]), some.tolist())
                wrong["redis"] += found != right
        if isinstance(database := world.peers.get("duckdb"), DuckDb):
            wrong["duckdb"] += not np.array_equal(np.sort(database.match_ids(held)), truth)
    pairs = zip(world.in_process.answers(0, len(asked)), expected, strict=True)
    wrong["ours in Rust"] = sum(not np.array_equal(np.sort(found), np.sort(ids[truth])) for found, truth in pairs)
    for name, peer in world.peers.items():
        if isinstance(peer, Peer):
            pairs = zip(peer.answers(0, len(asked)), expected, strict=True)
            wrong[name] = sum(not np.array_equal(found, truth) for found, truth in pairs)
    return wrong


def start_peers(world: World, stack: ExitStack, folder: Path) -> dict[str, str]:
    """Start what the definition names; returns why those that cannot be run are not here."""
    absent: dict[str, str] = {}
    for name, count in world.defined.peers.items():
        try:
            if name == "duckdb":
                world.peers[name] = DuckDb(world.w)
            elif name == "redis":
                world.peers[name] = stack.enter_context(Redis())
            else:
                blocks = [world.users(number)[:count] for number in range(world.defined.rounds)]
                asked = np.concatenate([world.order[: world.defined.oracle], *blocks])
                file = folder / f"{name}.bin"
                write_for_peers(world.w, asked, file)
                world.peers[name] = stack.enter_context(Peer(name, file))
        except NotHereError as error:
            absent[name] = str(error)
            print(f"{name}: not measured: {error}", flush=True)
    return absent


def fill_peers(world: World, absent: dict[str, str]) -> dict[str, Any]:
    """Wait for the indexes, load Redis; returns what is known of each."""
    facts: dict[str, Any] = {}
    for name, peer in list(world.peers.items()):
        try:
            if isinstance(peer, Peer):
                peer.ready()
                facts[name] = {"build_s": peer.build_s, "users_a_block": world.defined.peers[name]}
            elif isinstance(peer, Redis):
                asked = world.order[
                    : max(REDIS_USERS, world.defined.oracle + world.defined.rounds * world.defined.block)
                ]
                peer.load(world.w, asked, [bytes(row) for row in digest_of(asked)])
                facts[name] = {"users": len(asked), "bytes_a_membership": peer.bytes_a_membership}
        except NotHereError as error:
            absent[name] = str(error)
            del world.peers[name]
            print(f"{name}: not measured: {error}", flush=True)
    return facts


def l3_bytes() -> int:
    """Size of the last cache, 0 where the kernel does not say: cold records are larger together."""
    try:
        text = Path("/sys/devices/system/cpu/cpu0/cache/index3/size").read_text(encoding="ascii").strip()
    except OSError:
        return 0
    return int(text.removesuffix("K")) * 1_024


def ratios_of(rounds: dict[str, list[float]]) -> dict[str, float]:
    """How many times as long as ours each side takes, by medians."""
    median = {name: statistics.median(values) for name, values in rounds.items()}
    best = min(median[f"{side}: match_ids"] for side in INDEXES)
    ratios = {"match all, best baseline / ours": best / median["ours: match all"]}
    for size in ("50 candidates", "50 contiguous", "500 candidates"):
        ratios[f"{size}, python sets / ours"] = median[f"python sets: {size}"] / median[f"ours: {size}"]
    for line in IN_PROCESS:
        beside = best if line == "match all" else median[f"python sets: {line}"]
        ratios[f"{line}, best / ours in Rust"] = beside / median[f"ours in Rust: {line}"]
    ratios["match all / 500 candidates, ours"] = median["ours: match all"] / median["ours: 500 candidates"]
    for name, taken in median.items():
        if name.endswith(": match all") and not name.startswith("ours"):
            ratios[f"match all, {name.removesuffix(': match all')} / ours"] = taken / median["ours: match all"]
    if "redis: 50 candidates" in median:
        ratios["50 candidates, redis / ours"] = median["redis: 50 candidates"] / median["ours: 50 candidates"]
    return ratios


def main() -> None:
    """Run, print the table, write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--definition", "--shape", default="W1", help="a file of benches/definitions, without .toml")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--users", type=int)
    parser.add_argument("--adgroups", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--block", type=int)
    parser.add_argument("--oracle", type=int)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--record", type=Path, default=BENCHES / "record")
    options = parser.parse_args()
    changes = {name: getattr(options, name) for name in ("seed", "users", "rounds", "block", "oracle")}
    changes["arguments"] = None if options.adgroups is None else {"A": options.adgroups}
    defined = definition(options.definition, **changes, peers={} if options.no_peers else None)
    w = generated(defined)
    if defined.oracle + LANES * defined.rounds * defined.block > w.U:
        parser.error(f"{w.U} users are fewer than the oracle and the rounds ask; see --block, --rounds, --oracle")
    order = np.random.default_rng(defined.seed + 1).permutation(w.U)
    drawable = np.setdiff1d(np.arange(w.A), np.fromiter(w.nested, np.int64))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        world = World(defined, w, None, np.empty(0, np.uint32), {}, order, {}, drawable)
        absent = start_peers(world, stack, Path(folder))
        data = Path(folder) / "data"
        with segengine.open(data) as building:
            world.ids, times = build_engine(building, w)
        blocks = [Block(world, number) for number in range(defined.rounds)]
        world.in_process = stack.enter_context(InProcess(data, runs_in_process(world, blocks)))
        world.in_process.ready()
        world.engine = stack.enter_context(segengine.open(data))
        world.sides = build_baselines(w)
        peers = fill_peers(world, absent)
        wrong = check(world)
        rounds, cpu = measure(world, blocks)
    report(world, wrong, rounds, {"cpu_us": cpu, "times": times, "peers": peers, "not_here": absent}, options.record)


def report(
    world: World, wrong: dict[str, int], rounds: dict[str, list[float]], known: dict[str, Any], folder: Path
) -> None:
    """Print medians with their spread and ratios, and keep every round."""
    print_rounds(rounds, "us", wrong)
    ratios = ratios_of(rounds)
    for name, ratio in ratios.items():
        print(f"{name:44} {ratio:8.1f} x")
    print(json.dumps({"wrong": wrong, **known["times"]}))
    facts = {
        "options": asdict(world.defined),
        "data_sha256": hash_of(world.w),
        "cold": {"l3_bytes": l3_bytes(), "memberships": len(world.w.user_seg), "asked_once": True},
        "stats": world.w.stats(),
        "numpy": np.__version__,
        "wrong": wrong,
        "oracle_users": world.defined.oracle,
        "rounds_us": rounds,
        "ratios": ratios,
        **known,
    }
    print(keep(folder, f"match-{world.defined.name}", facts))


if __name__ == "__main__":
    main()
