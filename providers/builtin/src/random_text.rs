//! What `random_string` and `random_password` have in common: text of chosen kinds of characters.

use crate::dice::Dice;
use crate::state_only::check_at_least;
use infra_model::{ProviderError, Value};

const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const NUMERIC: &str = "0123456789";
/// The special characters when `override_special` is not set, as in the documentation of Terraform's random provider.
const SPECIAL: &str = "!@#$%&*()-_=+[]{}<>:?";

/// One kind of characters, whether it is used, and how many at least.
type Kind<'a> = (&'a str, bool, i64);

/// What is asked for.
pub(crate) struct Wanted<'a> {
    pub(crate) length: i64,
    pub(crate) upper: bool,
    pub(crate) lower: bool,
    pub(crate) numeric: bool,
    pub(crate) special: bool,
    pub(crate) min_upper: i64,
    pub(crate) min_lower: i64,
    pub(crate) min_numeric: i64,
    pub(crate) min_special: i64,
    pub(crate) override_special: Option<&'a str>,
}

impl<'v> Wanted<'v> {
    /// What the attributes say that all types of random text have.
    pub(crate) fn of(config: &'v Value) -> Wanted<'v> {
        let flag = |name| config.get(name).and_then(Value::as_bool).unwrap_or(true);
        let count = |name| config.get(name).and_then(Value::as_i64).unwrap_or(0);
        Wanted {
            length: count("length"),
            upper: flag("upper"),
            lower: flag("lower"),
            numeric: flag("numeric"),
            special: flag("special"),
            min_upper: count("min_upper"),
            min_lower: count("min_lower"),
            min_numeric: count("min_numeric"),
            min_special: count("min_special"),
            override_special: config.get("override_special").and_then(Value::as_str),
        }
    }
}

impl Wanted<'_> {
    fn kinds(&self) -> [Kind<'_>; 4] {
        let special = self.override_special.filter(|s| !s.is_empty());
        [
            (UPPER, self.upper, self.min_upper),
            (LOWER, self.lower, self.min_lower),
            (NUMERIC, self.numeric, self.min_numeric),
            (special.unwrap_or(SPECIAL), self.special, self.min_special),
        ]
    }

    /// Text of that length: first what each kind must have, then any, then all in a random order.
    pub(crate) fn draw(&self, dice: &mut Dice) -> Result<String, ProviderError> {
        let kinds = self.kinds();
        let all: Vec<char> = kinds
            .iter()
            .filter(|(_, used, _)| *used)
            .flat_map(|(chars, _, _)| chars.chars())
            .collect();
        if all.is_empty() {
            return Err(ProviderError::invalid(
                "special",
                "at least one of `upper`, `lower`, `numeric` and `special` must be true",
            ));
        }
        let length = usize::try_from(self.length).unwrap_or_default();
        let mut text = Vec::with_capacity(length);
        for (chars, _, least) in kinds {
            let chars: Vec<char> = chars.chars().collect();
            for _ in 0..least.max(0) {
                text.push(*dice.pick(&chars));
            }
        }
        if length == 0 || length > 1 << 20 || text.len() > length {
            return Err(ProviderError::invalid(
                "length",
                "it must be at least 1, at most 1048576, and not less than the `min_*` together",
            ));
        }
        while text.len() < length {
            text.push(*dice.pick(&all));
        }
        dice.shuffle(&mut text);
        Ok(text.into_iter().collect())
    }
}

/// What is known to be wrong with a configuration.
pub(crate) fn validate(config: &Value) -> Vec<ProviderError> {
    let mut errors = Vec::new();
    check_at_least(config, "length", 1, &mut errors);
    let mut least = 0;
    for name in ["min_upper", "min_lower", "min_numeric", "min_special"] {
        check_at_least(config, name, 0, &mut errors);
        least += config.get(name).and_then(Value::as_i64).unwrap_or(0);
    }
    if let Some(length) = config.get("length").and_then(Value::as_i64)
        && length >= 1
        && length < least
    {
        errors.push(ProviderError::invalid(
            "length",
            format!("`length` is {length}, but the `min_*` ask for {least} characters"),
        ));
    }
    let off = |name| config.get(name).and_then(Value::as_bool) == Some(false);
    if ["upper", "lower", "numeric", "special"]
        .into_iter()
        .all(off)
    {
        errors.push(ProviderError::invalid(
            "special",
            "at least one of `upper`, `lower`, `numeric` and `special` must be true",
        ));
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(length: i64) -> Wanted<'static> {
        Wanted {
            length,
            upper: true,
            lower: true,
            numeric: true,
            special: true,
            min_upper: 0,
            min_lower: 0,
            min_numeric: 0,
            min_special: 0,
            override_special: None,
        }
    }

    #[test]
    fn text_has_what_is_asked_for() {
        let count = |text: &str, of: &str| text.chars().filter(|c| of.contains(*c)).count();
        for seed in 0..50 {
            let mut dice = Dice::seeded(&seed.to_string());
            let text = Wanted {
                min_numeric: 3,
                min_upper: 2,
                ..wanted(8)
            }
            .draw(&mut dice)
            .expect("draws");
            assert_eq!(text.chars().count(), 8);
            assert!(
                count(&text, NUMERIC) >= 3 && count(&text, UPPER) >= 2,
                "{text}"
            );
            let text = Wanted {
                upper: false,
                lower: false,
                numeric: false,
                override_special: Some("äö"),
                ..wanted(5)
            };
            let text = text.draw(&mut dice).expect("draws");
            assert_eq!(count(&text, "äö"), 5);
            let text = Wanted {
                special: false,
                ..wanted(40)
            }
            .draw(&mut dice)
            .expect("draws");
            assert_eq!(count(&text, SPECIAL), 0);
        }
        let none = Wanted {
            upper: false,
            lower: false,
            numeric: false,
            special: false,
            ..wanted(5)
        };
        assert!(none.draw(&mut Dice::seeded("")).is_err());
        assert!(
            Wanted {
                min_upper: 3,
                ..wanted(2)
            }
            .draw(&mut Dice::seeded(""))
            .is_err()
        );
        assert!(wanted(0).draw(&mut Dice::seeded("")).is_err());
    }
}
