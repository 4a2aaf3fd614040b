"""Plant one defect for each invariant and operator, and see its test fail: `make defects`.

A test that no defect fails shows nothing. Each entry names the sentence of docs/concepts/invariants.md, a replacement
in one file, and the test that must then fail. The defects are planted in a copy of the tree under target/, built in a
target directory of its own, so that neither the checkout nor its builds are touched. A defect that its test lets pass,
and a text that is no longer found, end with exit code 1.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from defects import STARTS, Defect

ROOT = Path(__file__).resolve().parents[1]
TREE = ROOT / "target" / "defects" / "tree"
TARGET = ROOT / "target" / "defects" / "target"
SOURCES = "rust/segengine/src"


DEFECTS = (
    Defect(
        1,
        "the slot is written into no record before the commit",
        "engine/replacing.rs",
        "for coming in &replacement.coming {\n                if",
        "for coming in replacement.coming.iter().take(0) {\n                if",
        "a_publish_goes_through_its_steps_in_order",
    ),
    Defect(
        2,
        "the sweep does not wait for readers",
        "engine/sweeper.rs",
        "while Arc::strong_count(&retired.generation) > 1 {",
        "while Arc::strong_count(&retired.generation) > 9 {",
        "a_paused_batch_keeps_its_version",
    ),
    Defect(
        3,
        "a slot is given free before it is swept",
        "engine/sweeper.rs",
        "for version in versions {\n                self.memberships.sweep",
        "for version in versions.iter().take(0) {\n                self.memberships.sweep",
        "a_paused_batch_keeps_its_version",
    ),
    Defect(
        4,
        "a start takes every version for a live one",
        "engine/open.rs",
        ".filter(|version| version.state == VersionState::Live)",
        ".filter(|version| version.number > 0)",
        "a_start_forgets_what_was_not_published",
    ),
    Defect(
        5,
        "a replacement uses the slot of the version before",
        "engine/replacing.rs",
        "for ((segment, uploaded), slot) in sets.into_iter().zip(slots) {",
        "for ((segment, uploaded), slot) in sets.into_iter().zip(slots) {\n"
        "            let slot = self.generation.load().slots.live(segment).map_or(slot, |live| live.slot);",
        "a_retired_slot_is_not_revived",
    ),
    Defect(
        6,
        "a slot beyond the map is wrapped into it",
        "engine/generation.rs",
        "self.segments.get(slot as usize).copied()",
        "self.segments.get(slot as usize % self.segments.len().max(1)).copied()",
        "an_unknown_slot_means_nothing",
    ),
    Defect(
        7,
        "changes during the reading of a file go to the old version only",
        "engine/publisher.rs",
        "waiting.extend(ids.iter().map(",
        "waiting.extend(ids.iter().take(0).map(",
        "changes_during_a_replacement_go_to_both_versions",
    ),
    Defect(
        8,
        "removing one identifier removes the slot although another of the profile is a member",
        "segment/memberships.rs",
        "links.profile_members(id).iter().any(|&other| set.contains(IdentifierId(other)));",
        "links.profile_members(id).is_empty() && set.is_empty();",
        "a_record_holds_a_slot_iff_its_component_is_in_the_version",
    ),
    Defect(
        9,
        "a fill lets links go before it writes the profiles that it resolved",
        "segment/memberships.rs",
        "#[cfg(test)]\n                pause::at(pause::Place::Fill);\n",
        "drop((set, links));\n                #[cfg(test)]\n                pause::at(pause::Place::Fill);\n",
        "a_fill_writes_the_profiles_that_it_resolved",
    ),
    Defect(
        10,
        "a reader does not look at pointer and epoch again",
        "segment/memberships.rs",
        "if self.is_current(id, copy) {",
        "if self.is_current(id, copy) || copy.epoch.is_multiple_of(2) {",
        "a_reader_looks_again_when_a_link_came_between",
    ),
    Defect(
        11,
        "a derived set is kept although links moved",
        "segment/memberships.rs",
        "self.note_moved(change, &records);",
        "",
        "counts_follow_links",
    ),
    Defect(
        12,
        "a change starts from the generation before it waited for the writer at hand",
        "engine/publisher.rs",
        "let publisher = self.publisher.lock();\n        let mut write = self.catalog.write()?;",
        "let early = SlotMap::clone(&self.generation.load().slots);\n        let publisher = self.publisher.lock();\n"
        "        let mut write = self.catalog.write()?;",
        "edits_and_publishes_at_once_all_survive",
    ),
    Defect(
        13,
        "nothing stops the engine when the swap did not follow its commit",
        "engine/publisher.rs",
        "self.0.catalog.poison();\n        self.0.folder.poison();",
        "let _ = self.0;",
        "a_swap_that_cannot_follow_its_commit_stops_acknowledging",
    ),
    Defect(
        14,
        "a flight begins one millisecond late",
        "engine/flights.rs",
        "start <= now",
        "start < now",
        "flights_begin_and_end_on_their_millisecond",
    ),
    Defect(
        15,
        "a batch copies the record of a profile anew for each of its users",
        "engine/batch.rs",
        "&& memberships.is_current(id, copy)\n",
        "&& copy.profile == u32::MAX\n",
        "a_batch_copies_each_profile_once",
    ),
    Defect(
        16,
        "a load does not count how many segments a profile is in",
        "engine/replacing.rs",
        "let fits = (*width as usize) < limits::SEGMENTS_PER_PROFILE;",
        "let fits = *width < u32::MAX;",
        "a_full_profile_is_refused_and_said",
    ),
    Defect(
        17,
        "the answer for no segment is given although there are context segments",
        "engine/matching.rs",
        "Candidates::All if scratch.segments.is_empty() =>",
        "Candidates::All if scratch.slots.is_empty() =>",
        "the_unknown_user_is_answered_from_the_generation_and_context_counts",
    ),
    Defect(
        18,
        "revisions begin anew at a start",
        "engine/open.rs",
        'revision: AtomicU64::new(model.counter("revision"))',
        "revision: AtomicU64::new(0)",
        "revisions_grow_across_restarts",
    ),
)

TWINS = "vectors_and_their_twin_answer_alike"
ORACLE = "the_index_equals_the_oracle_on_a_dense_universe"

# Each operator, flipped in the index, in the programs and in the evaluator that judges them.
OPERATORS = (
    Defect(
        101,
        "planes are joined by OR",
        "targeting/sheet.rs",
        "*halfword &= plane",
        "*halfword |= plane",
        TWINS,
        "--lib",
    ),
    Defect(
        102,
        "excludes are not negated",
        "targeting/sheet.rs",
        "*halfword &= !excluded",
        "*halfword &= excluded",
        TWINS,
        "--lib",
    ),
    Defect(
        103,
        "a posting clears its bits",
        "targeting/sheet.rs",
        "|= (posting >> 16) as u16",
        "&= !((posting >> 16) as u16)",
        ORACLE,
        "--test=index_oracle",
    ),
    Defect(
        104,
        "a list of a program holds when all of it is held",
        "targeting/program.rs",
        "fold(false, |any, &segment| any | held",
        "fold(true, |any, &segment| any & held",
        ORACLE,
        "--test=index_oracle",
    ),
    Defect(
        105,
        "a program's excludes are includes",
        "targeting/program.rs",
        ".map(|excluded| !excluded)",
        ".map(|excluded| excluded)",
        ORACLE,
        "--test=index_oracle",
    ),
    Defect(
        106,
        "a NOT of a nested program keeps its targets",
        "targeting/program.rs",
        "=> (*if_false, *if_true),",
        "=> (*if_true, *if_false),",
        ORACLE,
        "--test=index_oracle",
    ),
    Defect(
        107,
        "the evaluator's AND is an OR",
        "expression/tree.rs",
        "values.into_iter().all(|value| value)",
        "values.iter().copied().any(|value| value)",
        ORACLE,
        "--test=index_oracle",
    ),
    Defect(
        108,
        "the evaluator's NOT is none",
        "expression/tree.rs",
        "|value| !value,",
        "|value| value,",
        ORACLE,
        "--test=index_oracle",
    ),
    Defect(
        109,
        "a user beside others holds a list when it holds all of it",
        "targeting/program.rs",
        "fold(0, |any, &segment| any | of(segment.into()))",
        "fold(u64::MAX, |all, &segment| all & of(segment.into()))",
        ORACLE,
        "--test=index_oracle",
    ),
    Defect(
        110,
        "the excludes of a user beside others are includes",
        "targeting/program.rs",
        "all & !excluded",
        "all & excluded",
        ORACLE,
        "--test=index_oracle",
    ),
    Defect(
        111,
        "an adgroup that was edited keeps its old row too",
        "targeting/planes.rs",
        "u16::from(self.overrides(adgroup)) << bit",
        "u16::from(self.overrides(adgroup) && bit > 16) << bit",
        ORACLE,
        "--test=index_oracle",
    ),
    Defect(
        112,
        "the excludes of a plane are includes in vectors",
        "targeting/unsafe_vector.rs",
        "_mm512_andnot_si512(excluded, matching)",
        "_mm512_andnot_si512(_mm512_andnot_si512(excluded, matching), matching)",
        TWINS,
        "--lib",
    ),
    Defect(
        113,
        "postings that are filled from the back are left out",
        "targeting/postings.rs",
        "back.at as usize..*end as usize",
        "*end as usize..*end as usize",
        "two_threads_build_what_one_does",
    ),
    Defect(
        114,
        "programs of a later share begin where those of the first do",
        "targeting/builder.rs",
        "slots.set(form.adgroup, slot.moved(first))",
        "slots.set(form.adgroup, slot.moved(first.min(0)))",
        "two_threads_build_what_one_does",
    ),
    Defect(
        115,
        "excludes are not posted",
        "targeting/rows.rs",
        "sorted.partition_point(|(key, _)| *key < upper(WITHOUT_EXCLUDES))",
        "sorted.partition_point(|(key, _)| *key > upper(WITHOUT_EXCLUDES))",
        ORACLE,
        "--test=index_oracle",
    ),
    Defect(
        116,
        "the first lane of a group does not reach its last",
        "targeting/slots.rs",
        "((held & !ends) + (EVERY_LANE & !ends))",
        "((held & !ends) + (EVERY_LANE & !ends & !1))",
        ORACLE,
        "--test=index_oracle",
    ),
    Defect(
        117,
        "excludes of a slot are one more clause",
        "targeting/slots.rs",
        "met == ends ^ excludes",
        "met == ends & !(excludes & 0)",
        ORACLE,
        "--test=index_oracle",
    ),
    Defect(
        118,
        "excludes of a slot are one more clause to many users",
        "targeting/slots.rs",
        "if self.ends & EXCLUDES == 0 { 0 } else { u64::MAX }",
        "if self.ends & EXCLUDES == 0 { 0 } else { 0 }",
        ORACLE,
        "--test=index_oracle",
    ),
    Defect(
        119,
        "what is over in a chunk names a bit",
        "targeting/postings.rs",
        "let of_none = postings().cycle().map(|posting| posting & u32::from(u16::MAX));",
        "let of_none = postings().cycle().map(|posting| posting.rotate_left(16));",
        ORACLE,
        "--test=index_oracle",
    ),
    Defect(
        120,
        "what a part of an OR excludes is not doubted",
        "expression/normal.rs",
        "all.extend(part.excludes.iter().filter(|_| and_excludes));",
        "all.extend(part.excludes.iter().filter(|_| and_excludes && part.clauses.is_empty()));",
        ORACLE,
        "--test=index_oracle",
    ),
    Defect(
        121,
        "the doubted are not asked",
        "targeting/sheet.rs",
        "programs.keep(out, first, held);",
        "programs.keep(out, out.len().max(first), held);",
        ORACLE,
        "--test=index_oracle",
    ),
    Defect(
        122,
        "the sure are those with a doubt in vectors",
        "targeting/unsafe_vector.rs",
        "which == Survivors::Sure {",
        "which == Survivors::Doubted {",
        TWINS,
        "--lib",
    ),
    Defect(
        123,
        "a clause follows from a longer one",
        "expression/normal.rs",
        "shorter.iter().all(|segment| clause.binary_search(segment).is_ok())",
        "clause.iter().any(|segment| shorter.binary_search(segment).is_ok())",
        ORACLE,
        "--test=index_oracle",
    ),
)

# Some need a second replacement.
ALSO = {
    9: (
        "segment/memberships.rs",
        "self.records.insert(version.slot.0, &profiles);\n                drop((set, links));",
        "self.records.insert(version.slot.0, &profiles);",
    ),
    12: ("engine/publisher.rs", "            slots: None,\n", "            slots: Some(early),\n"),
}


def copy_tree() -> None:
    """Make the copy that the defects are planted in, from the files that git knows or would take."""
    shutil.rmtree(TREE, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (source := ROOT / name).is_file():
            (TREE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, TREE / name)


def plant(file: str, before: str, after: str) -> str:
    """Put the defect into the copy; returns the sound text."""
    path = TREE / SOURCES / file
    sound = path.read_text(encoding="utf-8")
    if sound.count(before) != 1:
        sys.exit(f"error: {file}: the text of a planted defect occurs {sound.count(before)} times:\n{before}")
    path.write_text(sound.replace(before, after), encoding="utf-8")
    return sound


def run(test: str, suite: str) -> tuple[bool, str]:
    """Whether the test passes in the copy, and what was printed."""
    command = [
        ROOT / "tools" / "cargo.sh",
        "nextest",
        "run",
        "--locked",
        "-p",
        "segengine",
        suite,
        "--no-fail-fast",
        test,
    ]
    done = subprocess.run(
        [str(part) for part in command],
        cwd=TREE,
        env={**_environment(), "CARGO_TARGET_DIR": str(TARGET)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0, done.stdout + done.stderr


def _environment() -> dict[str, str]:
    import os  # noqa: PLC0415  (only here: everything else needs no environment)

    return dict(os.environ)


def try_defect(defect: Defect) -> bool:
    """Plant, run, take back; true when the test failed as a test and not as a build."""
    files = [
        (defect.file, defect.before, defect.after),
        *([ALSO[defect.number]] if defect.number in ALSO else []),
    ]
    sound: dict[str, str] = {}
    for file, before, after in files:
        text = plant(file, before, after)
        sound.setdefault(file, text)
    passed, printed = run(defect.test, defect.suite)
    for file, text in sound.items():
        (TREE / SOURCES / file).write_text(text, encoding="utf-8")
    caught = not passed and "FAIL" in printed
    print(f"{'caught' if caught else 'NOT CAUGHT':10}  {defect.number:2}  {defect.what}", flush=True)
    if not caught:
        print(printed[-3_000:], flush=True)
    return caught


def main() -> int:
    """Try the defects (those whose numbers are given, or all)."""
    chosen = {int(number) for number in sys.argv[1:]}
    copy_tree()
    todo = [defect for defect in (*DEFECTS, *OPERATORS, *STARTS) if not chosen or defect.number in chosen]
    for suite in sorted({defect.suite for defect in todo}):
        passed, printed = run(next(defect.test for defect in todo if defect.suite == suite), suite)
        if not passed:
            print(printed[-3_000:])
            sys.exit("error: the tests do not pass without a defect")
    missed = [defect for defect in todo if not try_defect(defect)]
    print(f"{len(missed)} defects were not caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
