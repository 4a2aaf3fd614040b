//! Whether the records fit each other: what `verify` asks beyond checksums.
//!
//! The engine never commits a contradiction, so a finding here is a defect or a hand in the database. Nothing is
//! repaired: a sentence names the record.

use std::collections::BTreeMap;

use super::model::{Kind, Model, Scope};
use super::records::{StoredTargeting, Version, VersionState};
use super::write::Record;

impl Model {
    /// A sentence for each thing that cannot be true; empty when all is well.
    #[must_use]
    pub fn contradictions(&self) -> Vec<String> {
        let mut findings = Vec::new();
        self.orphaned_children(&mut findings);
        self.twice_named(&mut findings);
        self.wrong_versions(&mut findings);
        self.broken_runs(&mut findings);
        findings.into_iter().map(|finding| format!("catalog.sqlite: {finding}")).collect()
    }

    fn orphaned_children(&self, findings: &mut Vec<String>) {
        let has_advertiser = |number: u32| self.advertisers.contains_key(&u64::from(number));
        let has_segment = |number: u32| self.segments.contains_key(&u64::from(number));
        let campaigns = self.campaigns.values().filter(|campaign| !has_advertiser(campaign.advertiser.0));
        findings.extend(campaigns.map(|campaign| format!("campaign {} has no advertiser", campaign.number)));
        for segment in self.segments.values() {
            let parent = segment.campaign.map(|campaign| self.campaigns.get(&u64::from(campaign.0)));
            let fits = parent.is_none_or(|campaign| campaign.is_some_and(|own| own.advertiser == segment.advertiser));
            if !fits || !has_advertiser(segment.advertiser.0) {
                findings.push(format!("segment {} has no parent", segment.number));
            }
        }
        for adgroup in self.adgroups.values() {
            if !self.campaigns.contains_key(&u64::from(adgroup.campaign.0)) {
                findings.push(format!("adgroup {} has no campaign", adgroup.number));
            }
            if let StoredTargeting::Groups { include, exclude } = &adgroup.targeting {
                let missing = include.iter().flatten().chain(exclude).filter(|segment| !has_segment(segment.0));
                findings.extend(
                    missing.map(|gone| format!("adgroup {} names segment {gone}, which is gone", adgroup.number)),
                );
            }
        }
        let deltas = self.deltas.values().filter(|delta| !has_segment(delta.segment.0));
        findings.extend(deltas.map(|delta| format!("member change {} has no segment", delta.number)));
    }

    /// Each named record must be the one that its name leads to.
    fn twice_named(&self, findings: &mut Vec<String>) {
        let mut ask = |scope: Scope, kind: Kind, number: u64, id: &str, display_name: &str| {
            if self.by_id(scope, kind, id) != Some(number) || self.by_name(scope, kind, display_name) != Some(number) {
                findings.push(format!("{} {number} shares its id {id:?} or its display name", kind.noun()));
            }
        };
        self.advertisers.values().for_each(|r| ask(Scope::Network, Kind::Advertiser, r.key(), &r.id, &r.display_name));
        self.campaigns.values().for_each(|r| ask(r.scope(), Kind::Campaign, r.key(), &r.id, &r.display_name));
        self.segments.values().for_each(|r| ask(r.scope(), Kind::Segment, r.key(), &r.id, &r.display_name));
        self.adgroups
            .values()
            .for_each(|r| ask(Scope::Campaign(r.campaign.0), Kind::Adgroup, r.key(), &r.id, &r.display_name));
    }

    fn wrong_versions(&self, findings: &mut Vec<String>) {
        let mut slots: BTreeMap<u32, &Version> = BTreeMap::new();
        for version in self.versions.values() {
            if let Some(other) = slots.insert(version.slot.0, version) {
                findings.push(format!("versions {} and {} have the same slot", other.number, version.number));
            }
            if u64::from(version.slot.0) >= self.counter("slots") {
                findings.push(format!("version {} has a slot that was never reserved", version.number));
            }
            let live = self.segments.get(&u64::from(version.segment.0)).and_then(|segment| segment.live_version);
            if (version.state == VersionState::Live) != (live == Some(version.number)) {
                findings.push(format!(
                    "version {} and segment {} disagree on what is live",
                    version.number, version.segment
                ));
            }
        }
        let given_back = self.free_slots().into_iter().chain(self.resting_slots().into_iter().map(|(slot, _)| slot));
        let taken = given_back.filter(|slot| slots.contains_key(slot));
        findings.extend(taken.map(|slot| format!("slot {slot} is both free and in use")));
        for segment in self.segments.values() {
            let gone = segment.live_version.filter(|live| !self.versions.contains_key(live));
            findings
                .extend(gone.map(|live| format!("segment {} serves version {live}, which is gone", segment.number)));
        }
    }

    /// Identity runs must follow each other without a gap: ids are dense and never reused.
    fn broken_runs(&self, findings: &mut Vec<String>) {
        let mut runs: Vec<_> = self.identity_runs.values().collect();
        runs.sort_by_key(|run| run.first);
        let mut next = 0_u64;
        for run in runs {
            if u64::from(run.first) != next {
                findings.push(format!("identity run {} begins at {}, not at {next}", run.number, run.first));
            }
            next = u64::from(run.first) + u64::from(run.count);
        }
    }
}
