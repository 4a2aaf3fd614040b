//! Numbers from a seed, the same on every machine. Source: `SplitMix64` (Steele, Lea, Flood, 2014).

/// A stream of numbers.
#[derive(Debug, Clone)]
pub struct Draw(u64);

impl Draw {
    /// The stream of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u32) -> u32 {
        // The remainder of a u64 by a u32 is a u32.
        u32::try_from(self.number() % u64::from(end)).unwrap_or_default()
    }

    /// Whether an event of `share` in 100 happens.
    pub fn chance(&mut self, share: u32) -> bool {
        self.below(100) < share
    }

    /// About `count` of the numbers below `end`, ascending and distinct.
    pub fn some(&mut self, count: u32, end: u32) -> Vec<u32> {
        let mut chosen: Vec<u32> = (0..count).map(|_| self.below(end)).collect();
        chosen.sort_unstable();
        chosen.dedup();
        chosen
    }
}
