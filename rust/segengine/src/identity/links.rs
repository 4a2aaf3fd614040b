//! The set of links, and the profiles that follow from it.
//!
//! A link joins two identifiers; a profile is a connected component; its id is the smallest identifier id in it. A
//! component of more than 50 identifiers is a shared device (a family tablet, a shop terminal): it is dissolved, each
//! identifier stands alone, until links are withdrawn. All of it is a function of the *set* of links: the order in
//! which links came or went never shows.
//!
//! Only the edges and the dissolved identifiers are kept; components are found by a breadth-first search that stops at
//! 51, so a change costs at most about a hundred visits of a B-tree, whatever the size of the component it touches.
//! Each change returns the identifiers of every component it made, with their profile: the caller moves records.

use std::collections::{BTreeSet, HashSet};

use crate::bitmap::IdentifierSet;
use crate::ids::{IdentifierId, LinkEpoch, ProfileId};
use crate::limits::COMPONENT_IDENTIFIERS;

/// One component after a change: its identifiers and where each points now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Regrouping {
    /// Every identifier of the touched components with its profile after the change.
    pub assignments: Vec<(IdentifierId, ProfileId)>,
}

/// The durable set of links with its derived components.
#[derive(Debug, Default)]
pub struct LinkSet {
    /// Both directions of each link, `from << 32 | to`.
    edges: BTreeSet<u64>,
    /// Identifiers of components over the limit.
    dissolved: HashSet<u32>,
    /// Identifiers whose profile is another identifier.
    redirected: IdentifierSet,
    epoch: u64,
}

fn edge(from: u32, to: u32) -> u64 {
    u64::from(from) << 32 | u64::from(to)
}

impl LinkSet {
    /// The set of `links` at once, as at start: linear but for sorting, where adding one by one searches each time.
    /// Returns also the identifiers whose profile is another one.
    #[must_use]
    pub fn restore(links: &[(IdentifierId, IdentifierId)], epoch: LinkEpoch) -> (Self, Vec<(IdentifierId, ProfileId)>) {
        let both = links.iter().filter(|(one, other)| one != other);
        let mut packed: Vec<u64> = both.flat_map(|(a, b)| [edge(a.0, b.0), edge(b.0, a.0)]).collect();
        packed.sort_unstable();
        packed.dedup();
        let mut set = Self { edges: packed.into_iter().collect(), epoch: epoch.0, ..Self::default() };
        let mut seen = HashSet::new();
        let mut pointers = Vec::new();
        let starts: Vec<u32> = set.iter().flat_map(|(one, other)| [one.0, other.0]).collect();
        for id in starts {
            if !seen.insert(id) {
                continue;
            }
            let (members, whole) = set.component(id);
            if whole {
                seen.extend(&members);
            }
            let group = if whole { members } else { vec![id] };
            pointers
                .extend(set.assign(&[group], !whole).assignments.into_iter().filter(|(id, profile)| id.0 != profile.0));
        }
        (set, pointers)
    }

    /// Number of links.
    #[must_use]
    pub fn len(&self) -> usize {
        self.edges.len() / 2
    }

    /// Whether there is no link.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.edges.is_empty()
    }

    /// Number of link changes so far.
    #[must_use]
    pub fn epoch(&self) -> LinkEpoch {
        LinkEpoch(self.epoch)
    }

    /// Continues the count of an earlier life of the directory.
    pub fn set_epoch(&mut self, epoch: LinkEpoch) {
        self.epoch = epoch.0;
    }

    /// Identifiers whose profile is not themselves.
    #[must_use]
    pub fn redirected(&self) -> &IdentifierSet {
        &self.redirected
    }

    /// Number of identifiers that stand alone because their component is over the limit.
    #[must_use]
    pub fn dissolved_identifiers(&self) -> usize {
        self.dissolved.len()
    }

    /// Whether `id` belongs to a component over the limit.
    #[must_use]
    pub fn is_dissolved(&self, id: IdentifierId) -> bool {
        self.dissolved.contains(&id.0)
    }

    /// Whether the two are linked directly.
    #[must_use]
    pub fn contains(&self, one: IdentifierId, other: IdentifierId) -> bool {
        self.edges.contains(&edge(one.0, other.0))
    }

    /// Every link once, smaller id first, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (IdentifierId, IdentifierId)> + '_ {
        let halves = |&packed: &u64| ((packed >> 32) as u32, (packed & 0xFFFF_FFFF) as u32);
        self.edges.iter().map(halves).filter(|(from, to)| from < to).map(|(a, b)| (IdentifierId(a), IdentifierId(b)))
    }

    /// The identifiers that share the profile of `id`: its component, or itself alone when dissolved. Ascending.
    #[must_use]
    pub fn profile_members(&self, id: IdentifierId) -> Vec<u32> {
        if self.dissolved.contains(&id.0) { vec![id.0] } else { self.component(id.0).0 }
    }

    /// Everybody who is connected with an identifier of `pairs` when these are links as well, however many they are: whom
    /// making or withdrawing these links, in any order, may have touched.
    #[must_use]
    pub fn connected(&self, pairs: &[(IdentifierId, IdentifierId)]) -> IdentifierSet {
        let beside: BTreeSet<u64> = pairs.iter().flat_map(|(a, b)| [edge(a.0, b.0), edge(b.0, a.0)]).collect();
        let mut found = IdentifierSet::new();
        let mut waiting: Vec<u32> = pairs.iter().flat_map(|(one, other)| [one.0, other.0]).collect();
        while let Some(from) = waiting.pop() {
            if !found.insert(IdentifierId(from)) {
                continue;
            }
            let range = edge(from, 0)..=edge(from, u32::MAX);
            let ends = self.edges.range(range.clone()).chain(beside.range(range)).map(|packed| packed & 0xFFFF_FFFF);
            waiting.extend(ends.filter_map(|id| u32::try_from(id).ok()));
        }
        found
    }

    /// Adds a link; `None` when it was there or joins an identifier to itself.
    pub fn add(&mut self, one: IdentifierId, other: IdentifierId) -> Option<Regrouping> {
        let (one, other) = (one.0, other.0);
        if one == other || self.edges.contains(&edge(one, other)) {
            return None;
        }
        let before = [self.profile_members(IdentifierId(one)), self.profile_members(IdentifierId(other))];
        self.edges.extend([edge(one, other), edge(other, one)]);
        self.epoch += 1;
        let mut members = before.concat();
        members.sort_unstable();
        members.dedup();
        let joins_dissolved = self.dissolved.contains(&one) || self.dissolved.contains(&other);
        let dissolve = joins_dissolved || members.len() > COMPONENT_IDENTIFIERS;
        Some(self.assign(&[members], dissolve))
    }

    /// Withdraws a link; `None` when it was not there.
    pub fn remove(&mut self, one: IdentifierId, other: IdentifierId) -> Option<Regrouping> {
        let (one, other) = (one.0, other.0);
        if !self.edges.remove(&edge(one, other)) {
            return None;
        }
        self.edges.remove(&edge(other, one));
        self.epoch += 1;
        let mut groups = Vec::new();
        for id in [one, other] {
            let (members, whole) = self.component(id);
            if whole && !groups.contains(&members) {
                groups.push(members);
            }
        }
        Some(self.assign(&groups, false))
    }

    fn assign(&mut self, groups: &[Vec<u32>], dissolve: bool) -> Regrouping {
        let mut assignments = Vec::new();
        for members in groups {
            let root = members.first().copied().unwrap_or_default();
            for &id in members {
                let profile = if dissolve {
                    self.dissolved.insert(id);
                    id
                } else {
                    self.dissolved.remove(&id);
                    root
                };
                if profile == id {
                    self.redirected.remove(IdentifierId(id));
                } else {
                    self.redirected.insert(IdentifierId(id));
                }
                assignments.push((IdentifierId(id), ProfileId(profile)));
            }
        }
        Regrouping { assignments }
    }

    /// The component of `id`, ascending, and whether it is complete: the search stops past the limit.
    fn component(&self, id: u32) -> (Vec<u32>, bool) {
        let mut found = vec![id];
        let mut next = 0;
        while let Some(&from) = found.get(next) {
            next += 1;
            for packed in self.edges.range(edge(from, 0)..=edge(from, u32::MAX)) {
                let to = (packed & 0xFFFF_FFFF) as u32;
                if !found.contains(&to) {
                    if found.len() == COMPONENT_IDENTIFIERS {
                        return (found, false);
                    }
                    found.push(to);
                }
            }
        }
        found.sort_unstable();
        (found, true)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Union by repeated relabelling over the plain set of links: shares no code with the set above.
    pub(crate) fn naive_profiles(ids: u32, links: &BTreeSet<(u32, u32)>) -> Vec<u32> {
        let mut label: Vec<u32> = (0..ids).collect();
        for _ in 0..ids {
            for &(a, b) in links {
                let least = label[a as usize].min(label[b as usize]);
                label[a as usize] = least;
                label[b as usize] = least;
            }
        }
        let mut sizes = BTreeMap::new();
        label.iter().for_each(|root| *sizes.entry(*root).or_insert(0) += 1);
        (0..ids)
            .map(|id| if sizes[&label[id as usize]] > COMPONENT_IDENTIFIERS { id } else { label[id as usize] })
            .collect()
    }

    fn check(ids: u32, changes: &[(bool, u32, u32)]) {
        let mut set = LinkSet::default();
        let mut links = BTreeSet::new();
        let mut profiles: Vec<u32> = (0..ids).collect();
        for &(add, a, b) in changes {
            let change = if add {
                set.add(IdentifierId(a), IdentifierId(b))
            } else {
                set.remove(IdentifierId(a), IdentifierId(b))
            };
            let pair = (a.min(b), a.max(b));
            let changed = if a == b {
                false
            } else if add {
                links.insert(pair)
            } else {
                links.remove(&pair)
            };
            assert_eq!(change.is_some(), changed);
            for (id, profile) in change.into_iter().flat_map(|change| change.assignments) {
                profiles[id.0 as usize] = profile.0;
            }
        }
        assert_eq!(profiles, naive_profiles(ids, &links));
        let redirected: Vec<u32> = (0..ids).filter(|&id| profiles[id as usize] != id).collect();
        assert_eq!(set.redirected().to_vec(), redirected);
        let pairs: Vec<_> = set.iter().collect();
        let (restored, pointers) = LinkSet::restore(&pairs, set.epoch());
        assert_eq!(
            (restored.edges, restored.dissolved, restored.redirected),
            (set.edges, set.dissolved, set.redirected)
        );
        assert_eq!(pointers.len(), redirected.len());
        assert!(pointers.iter().all(|(id, profile)| profiles[id.0 as usize] == profile.0));
    }

    proptest! {
        #[test]
        fn profiles_are_a_function_of_the_set_of_links(changes in prop::collection::vec((prop::bool::weighted(0.7), 0u32..140, 0u32..140), 0..400)) {
            check(140, &changes);
        }
    }

    #[test]
    fn a_component_dissolves_at_51_and_forms_again_at_50_in_any_order() {
        let chain: Vec<_> = (0..50).map(|i| (true, i, i + 1)).collect();
        check(51, &chain);
        let mut star: Vec<_> = (1..51).map(|i| (true, 0, i)).collect();
        star.push((false, 7, 0));
        check(51, &star);
        let mut backwards = chain;
        backwards.reverse();
        backwards.push((false, 25, 24));
        check(51, &backwards);
    }
}
