"""What a planted defect is, and those of starts from a checkpoint; `planted_defects` has the rest, and plants all."""

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
)
