//! Randomness as it is passed in: nothing in the libraries has a generator of its own, so that a seed replays a run.

/// A source of random bytes, good enough for keys and passwords unless a simulation seeds it.
pub trait Random: Send + Sync {
    /// Fills the whole slice.
    fn fill(&self, bytes: &mut [u8]);

    /// 64 random bits.
    fn bits(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}
