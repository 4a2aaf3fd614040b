"""What a planted defect is, and those of starts and of kept sets; `planted_defects` has the rest, and plants all."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Defect:
    """A defect: the invariant (or, from 101, the operator) that it breaks, where, and the test that must see it."""

    number: int
    what: str
    file: str
    before: str
    after: str
    test: str
    suite: str = "--lib"


DURING = "what_changed_during_and_after_a_checkpoint_is_found_by_the_start"
RESTORED = "a_start_from_a_checkpoint_finds_the_truth"

STARTS = (
    Defect(
        140,
        "a checkpoint says that it holds what came while it was written",
        "engine/checkpointing.rs",
        "(checkpoint.length, checkpoint.checksum) = file?;",
        "(checkpoint.length, checkpoint.checksum) = file?;\n"
        "        checkpoint.revision = Revision(self.revision.load(Ordering::Acquire));",
        DURING,
    ),
    Defect(
        141,
        "a start leaves dead slots in the records of its checkpoint",
        "segment/memberships/restoring.rs",
        "if !missing.dead.is_empty() {",
        "if missing.dead.len() > 1_000_000 {",
        "a_slot_rests_until_no_checkpoint_holds_it",
    ),
    Defect(
        142,
        "a start forgets member changes that came after its checkpoint",
        "engine/restoring.rs",
        "*revision > checkpoint.revision.0)",
        "*revision > checkpoint.revision.0 + 1_000)",
        DURING,
    ),
    Defect(
        143,
        "a start forgets links that came after its checkpoint",
        "engine/restoring.rs",
        "if run.epoch <= epoch {",
        "if run.epoch.0 <= epoch.0 + 1_000 {",
        DURING,
    ),
    Defect(
        144,
        "nobody looks at the checksum of a block of a checkpoint",
        "storage/framed.rs",
        "if bytes.len() == self.length && crc32c::crc32c(bytes) == self.check {",
        "if bytes.len() == self.length {",
        "a_damaged_checkpoint_costs_time_and_nothing_else",
    ),
    Defect(
        145,
        "a slot is given again while a checkpoint holds it",
        "catalog/slots.rs",
        "oldest.is_none_or(|oldest| oldest >= forgotten)",
        "oldest.is_none_or(|oldest| oldest < u64::MAX || forgotten == 0)",
        "a_slot_rests_until_no_checkpoint_holds_it",
    ),
    Defect(
        146,
        "a member change touches an identifier and not its profile",
        "segment/memberships/restoring.rs",
        "touched.extend(&links.profile_members(IdentifierId(id)))",
        "touched.extend(&links.profile_members(IdentifierId(id))[..1])",
        RESTORED,
    ),
    Defect(
        147,
        "a checkpoint keeps slots that do not serve yet",
        "segment/records/image.rs",
        "if slots.iter().any(|&slot| !keep(slot)) {",
        "if slots.len() > 1_000_000 && slots.iter().any(|&slot| !keep(slot)) {",
        RESTORED,
    ),
    Defect(
        148,
        "a version is known by its slot alone, which another had when the checkpoint was written",
        "segment/memberships/restoring.rs",
        "if complete.get(&version.slot.0) == Some(number) {",
        "if complete.get(&version.slot.0).is_some_and(|held| held <= number) {",
        RESTORED,
    ),
    Defect(
        149,
        "a profile that a member change adds or takes is not noted for the set that is kept",
        "segment/memberships.rs",
        "version.derived.lock().note(profiles.into_iter(), add);",
        "version.derived.lock().note(profiles.into_iter().skip(1), add);",
        "a_record_holds_a_slot_iff_its_component_is_in_the_version",
    ),
    Defect(
        150,
        "a set that is kept is not told of the profiles that lose a slot to a link",
        "segment/memberships.rs",
        "for_each(|slot| note(slot, false));",
        "for_each(drop);",
        "a_record_holds_a_slot_iff_its_component_is_in_the_version",
    ),
    Defect(
        151,
        "the reachable profiles are not told whom links moved",
        "segment/memberships.rs",
        "self.moved.lock().note(change);",
        "",
        "the_reachable_are_kept_true_by_what_changes",
    ),
)
