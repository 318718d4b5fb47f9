//! Moments as people write them.

use infra_model::time::Timestamp;

/// `2026-11-27 07:41:44Z`, to the second.
pub(crate) fn moment(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.0.div_euclid(1000)).map_or_else(
        |_| at.0.to_string(),
        |t| t.to_string().replacen('T', " ", 1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_well() {
        assert_eq!(moment(Timestamp(1_700_000_000_999)), "2023-11-14 22:13:20Z");
    }
}
