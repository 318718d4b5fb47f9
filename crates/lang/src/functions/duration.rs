//! Durations as Go writes them: `-1h30m10.5s`.

/// Nanoseconds of a duration.
pub(super) fn parse(source: &str) -> Option<i64> {
    let (negative, mut rest) = match source.as_bytes().first()? {
        b'-' => (true, &source[1..]),
        b'+' => (false, &source[1..]),
        _ => (false, source),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .filter(|end| *end > 0)?;
        let (whole, fraction) = rest[..digits]
            .split_once('.')
            .unwrap_or((&rest[..digits], ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return None;
        }
        rest = &rest[digits..];
        let end = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let unit: i128 = match &rest[..end] {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        rest = &rest[end..];
        if !whole.is_empty() {
            total += whole.parse::<i64>().ok().map(i128::from)? * unit;
        }
        let mut place = unit;
        for digit in fraction.bytes().take(18) {
            // Tenths of what is left keep the sum exact to the nanosecond.
            let value = i128::from(digit - b'0') * place;
            total += value / 10;
            place /= 10;
        }
    }
    i64::try_from(if negative { -total } else { total }).ok()
}
