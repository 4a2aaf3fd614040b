//! Flight dates of adgroups, judged at the request's single instant (invariant 14): exact to the millisecond, without a
//! timer. One bit for each adgroup says whether it has dates at all, so the many that have none cost a bit test.

use hashbrown::HashMap;

use crate::ids::AdgroupId;
use crate::time::Timestamp;

/// When the adgroups that have dates may serve.
#[derive(Debug, Default, Clone)]
pub(super) struct Flights {
    dated: Vec<u64>,
    dates: HashMap<u32, (Option<Timestamp>, Option<Timestamp>)>,
}

impl Flights {
    /// Notes the dates of an adgroup, or that it has none: start inclusive, end exclusive.
    pub(super) fn set(&mut self, adgroup: AdgroupId, start: Option<Timestamp>, end: Option<Timestamp>) {
        let (word, bit) = (adgroup.0 as usize / 64, 1 << (adgroup.0 % 64));
        if start.is_none() && end.is_none() {
            if let Some(word) = self.dated.get_mut(word).filter(|word| **word & bit != 0) {
                *word &= !bit;
                self.dates.remove(&adgroup.0);
            }
            return;
        }
        if self.dated.len() <= word {
            self.dated.resize(word + 1, 0);
        }
        if let Some(word) = self.dated.get_mut(word) {
            *word |= bit;
        }
        self.dates.insert(adgroup.0, (start, end));
    }

    /// Whether no adgroup has dates.
    pub(super) fn is_empty(&self) -> bool {
        self.dates.is_empty()
    }

    /// Whether the adgroup may serve at `now`.
    pub(super) fn in_flight(&self, adgroup: u32, now: Timestamp) -> bool {
        let dated = self.dated.get(adgroup as usize / 64).is_some_and(|word| word >> (adgroup % 64) & 1 == 1);
        !dated || self.dates.get(&adgroup).is_none_or(|&(start, end)| is_in_flight(start, end, now))
    }
}

/// Whether `now` lies in `start..end`.
pub(super) fn is_in_flight(start: Option<Timestamp>, end: Option<Timestamp>, now: Timestamp) -> bool {
    start.is_none_or(|start| start <= now) && end.is_none_or(|end| now < end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_judged_to_the_millisecond() {
        let mut flights = Flights::default();
        flights.set(AdgroupId(70), Some(Timestamp(1_000)), Some(Timestamp(2_000)));
        flights.set(AdgroupId(71), None, None);
        for (now, expected) in
            [(999, false), (1_000, true), (1_001, true), (1_999, true), (2_000, false), (2_001, false)]
        {
            assert_eq!(flights.in_flight(70, Timestamp(now)), expected, "at {now}");
            assert!(flights.in_flight(71, Timestamp(now)) && flights.in_flight(9_999, Timestamp(now)));
        }
        flights.set(AdgroupId(70), None, None);
        assert!(flights.in_flight(70, Timestamp(1)) && flights.is_empty(), "dates that were taken away are gone");
    }
}
