//! Quantities: `500m`, `1.5Gi`, `2e3`, in thousandths.

use serde_json::Value;

/// How a quantity is written.
pub(super) const FORM: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/// Reads one, in thousandths.
pub(super) fn read(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => parse(&number.to_string()),
        Value::String(text) => parse(text),
        _ => None,
    }
}

fn parse(text: &str) -> Option<i128> {
    const UNITS: [(&str, f64); 15] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    let number = |text: &str| {
        let good = !text.is_empty()
            && text
                .bytes()
                .all(|c| c.is_ascii_digit() || b".+-eE".contains(&c));
        good.then(|| text.parse::<f64>().ok()).flatten()
    };
    let found = UNITS.iter().find_map(|(unit, factor)| {
        let digits = text.strip_suffix(unit)?;
        Some(number(digits)? * factor)
    });
    let amount = found.or_else(|| number(text))?;
    // As the server does, what is finer than a thousandth is rounded up.
    Some((amount * 1000.0).ceil() as i128)
}

/// Writes an amount in thousandths: of memory and storage in bytes, of everything else plainly.
pub(super) fn write(amount: i128) -> String {
    if amount % 1000 != 0 {
        return format!("{amount}m");
    }
    let whole = amount / 1000;
    for (unit, size) in [("Gi", 1i128 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)] {
        if whole != 0 && whole % size == 0 {
            return format!("{}{unit}", whole / size);
        }
    }
    whole.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_and_written() {
        for (text, amount) in [
            ("500m", 500),
            ("2", 2000),
            ("1.5", 1500),
            ("1Ki", 1_024_000),
            ("1e3", 1_000_000),
            ("1k", 1_000_000),
        ] {
            assert_eq!(read(&text.into()), Some(amount), "{text}");
        }
        for bad in ["", "x", "1X", "1 Gi", "Gi"] {
            assert_eq!(read(&bad.into()), None, "{bad}");
        }
        assert_eq!(write(1500), "1500m");
        assert_eq!(write(2_147_483_648_000), "2Gi");
        assert_eq!(write(3000), "3");
    }
}
