//! Chance that can be had again: a seed, printed by whoever fails.

/// A small generator (SplitMix64); the same seed gives the same throws on every machine.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice that follow from `seed` alone.
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed of the variable `LIANDONG_SEED`, or one from the system.
    pub fn seed_from_env() -> u64 {
        let given = std::env::var("LIANDONG_SEED").ok().map(|seed| seed.parse().expect("LIANDONG_SEED is a number"));
        given.unwrap_or_else(|| {
            let mut bytes = [0; 4];
            getrandom::fill(&mut bytes).expect("the system gives random bytes");
            u64::from(u32::from_le_bytes(bytes))
        })
    }

    /// What dice of the same state are made of.
    pub fn seed(&self) -> u64 {
        self.0
    }

    /// Any number.
    pub fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is above 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.throw() % end
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let at = self.below(from.len() as u64);
        &from[usize::try_from(at).unwrap_or_default()]
    }
}
