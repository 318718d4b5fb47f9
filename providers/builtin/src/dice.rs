//! Unbiased choices from passed-in randomness: one seed is drawn, and everything else follows from it.

use infra_model::Random;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};

/// A generator for one resource.
pub(crate) struct Dice(ChaCha20Rng);

impl Dice {
    /// From fresh randomness.
    pub(crate) fn new(random: &dyn Random) -> Dice {
        let mut seed = [0; 32];
        random.fill(&mut seed);
        Dice(ChaCha20Rng::from_seed(seed))
    }

    /// From a text that the user gave: the same text always gives the same choices.
    pub(crate) fn seeded(seed: &str) -> Dice {
        Dice(ChaCha20Rng::from_seed(Sha256::digest(seed).into()))
    }

    /// From the user's seed, or else fresh.
    pub(crate) fn of(seed: Option<&str>, random: &dyn Random) -> Dice {
        match seed {
            Some(seed) if !seed.is_empty() => Dice::seeded(seed),
            _ => Dice::new(random),
        }
    }

    /// A number below `limit`, each equally likely.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        assert!(limit > 0, "there is something to choose from");
        // Numbers of an incomplete last round would make the low ones likelier.
        let rounds = u64::MAX / limit * limit;
        loop {
            let number = self.0.next_u64();
            if number < rounds {
                return number % limit;
            }
        }
    }

    /// One of them.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.index(items.len())]
    }

    /// Puts them in a random order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.index(i + 1);
            items.swap(i, j);
        }
    }

    /// Random bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// So many random bytes.
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// The generator itself, for key generation.
    pub(crate) fn generator(&mut self) -> &mut ChaCha20Rng {
        &mut self.0
    }

    fn index(&mut self, len: usize) -> usize {
        let chosen = self.below(len as u64);
        usize::try_from(chosen).expect("an index is below a length")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_fair_and_a_seed_repeats_them() {
        let mut dice = Dice::seeded("x");
        let mut counts = [0_u32; 6];
        for _ in 0..6000 {
            counts[usize::try_from(dice.below(6)).expect("small")] += 1;
        }
        assert!(counts.iter().all(|c| (800..1200).contains(c)), "{counts:?}");
        let order = |seed| {
            let mut items: Vec<u32> = (0..20).collect();
            Dice::seeded(seed).shuffle(&mut items);
            items
        };
        assert_eq!(order("a"), order("a"));
        assert_ne!(order("a"), order("b"));
        let mut sorted = order("a");
        sorted.sort_unstable();
        assert_eq!(sorted, (0..20).collect::<Vec<_>>());
    }
}
