//! `format` and `formatlist`: text from verbs such as `%-10s` and `%08.3f`.

use super::string::text;
use super::{Call, FunctionError, Outcome, bad, failed, json};
use infra_model::convert::{convert, normalise};
use infra_model::{Number, Type, Value};
use unicode_segmentation::UnicodeSegmentation;

pub(super) fn format(call: &Call<'_>) -> Outcome {
    let arguments = &call.arguments[1..];
    match render(call.text(0), arguments)? {
        Some(rendered) => text(rendered),
        None => Ok(Value::Unknown(Type::String)),
    }
}

pub(super) fn formatlist(call: &Call<'_>) -> Outcome {
    let arguments = &call.arguments[1..];
    if arguments.is_empty() {
        return match render(call.text(0), arguments)? {
            Some(rendered) => Ok(Value::list(
                Type::String,
                vec![Value::String(normalise(&rendered))],
            )),
            None => failed("no arguments"),
        };
    }
    let mut length: Option<(usize, usize)> = None;
    let mut unknown = false;
    for (i, argument) in arguments.iter().enumerate() {
        let count = match argument {
            Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items) => items.len(),
            Value::Unknown(Type::Tuple(types)) => types.len(),
            Value::Unknown(Type::List(_) | Type::Set(_) | Type::Any) => {
                unknown = true;
                continue;
            }
            _ => continue,
        };
        match length {
            None => length = Some((count, i)),
            Some((other, first)) if other != count => {
                return bad(
                    i + 1,
                    format!(
                        "it has {count} elements, but argument {} has {other}",
                        first + 1
                    ),
                );
            }
            Some(_) => {}
        }
    }
    if unknown {
        return Ok(Value::Unknown(Type::list(Type::String)));
    }
    let count = length.map_or(1, |(count, _)| count);
    let mut lines = Vec::with_capacity(count);
    for row in 0..count {
        let values: Vec<Value> = arguments
            .iter()
            .map(|argument| match argument {
                Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items) => {
                    items[row].clone()
                }
                Value::Unknown(Type::Tuple(types)) => Value::Unknown(types[row].clone()),
                single => single.clone(),
            })
            .collect();
        lines.push(match render(call.text(0), &values)? {
            Some(rendered) => Value::String(normalise(&rendered)),
            None => Value::Unknown(Type::String),
        });
    }
    Ok(Value::list(Type::String, lines))
}

/// One verb and how it is written.
#[derive(Clone, Default)]
struct Verb {
    raw: String,
    mode: char,
    minus: bool,
    plus: bool,
    space: bool,
    zero: bool,
    sharp: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// The text, `None` while an argument is unknown.
fn render(format: &str, arguments: &[Value]) -> Result<Option<String>, FunctionError> {
    let mut out = String::new();
    let mut rest = format;
    let mut next = 0;
    let mut highest = 0;
    let mut unknown = false;
    while let Some(start) = rest.find('%') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        if let Some(after) = rest.strip_prefix("%%") {
            out.push('%');
            rest = after;
            continue;
        }
        let (verb, position, after) = parse(rest).or_else(|reason| bad(0, reason))?;
        rest = after;
        let index = position.unwrap_or(next);
        next = index + 1;
        highest = highest.max(next);
        let Some(argument) = arguments.get(index) else {
            return bad(
                0,
                format!(
                    "{} needs argument {}, but there are {}",
                    verb.raw,
                    index + 1,
                    arguments.len()
                ),
            );
        };
        if argument.is_wholly_known() {
            let piece = verb
                .apply(argument)
                .or_else(|reason| bad(index + 1, format!("{}: {reason}", verb.raw)))?;
            out.push_str(&piece);
        } else {
            unknown = true;
        }
    }
    out.push_str(rest);
    if highest < arguments.len() {
        return bad(
            highest + 1,
            format!("the format uses only {highest} of the arguments"),
        );
    }
    Ok((!unknown).then_some(out))
}

/// The verb at the start of a text, the argument it names by position, and what follows.
fn parse(text: &str) -> Result<(Verb, Option<usize>, &str), String> {
    let mut verb = Verb::default();
    let mut rest = &text[1..];
    let incomplete = || "the format ends within a verb".to_owned();
    let digits = |rest: &mut &str| -> Result<Option<usize>, String> {
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        *rest = after;
        if number.is_empty() {
            return Ok(None);
        }
        let number: usize = number.parse().unwrap_or(usize::MAX);
        if number > 10_000 {
            return Err("a width of the format is too great".to_owned());
        }
        Ok(Some(number))
    };
    while let Some(flag) = rest.chars().next() {
        match flag {
            '-' => verb.minus = true,
            '+' => verb.plus = true,
            ' ' => verb.space = true,
            '0' => verb.zero = true,
            '#' => verb.sharp = true,
            _ => break,
        }
        rest = &rest[1..];
    }
    verb.width = digits(&mut rest)?;
    if let Some(after) = rest.strip_prefix('.') {
        rest = after;
        verb.precision = Some(digits(&mut rest)?.unwrap_or(0));
    }
    let mut position = None;
    if let Some(after) = rest.strip_prefix('[') {
        rest = after;
        let number = digits(&mut rest)?;
        position = match (number, rest.strip_prefix(']')) {
            (Some(n), Some(after)) if n > 0 => {
                rest = after;
                Some(n - 1)
            }
            _ => return Err("`[` in a verb takes the number of an argument and `]`".to_owned()),
        };
    }
    let mode = rest.chars().next().ok_or_else(incomplete)?;
    rest = &rest[mode.len_utf8()..];
    verb.mode = mode;
    verb.raw = text[..text.len() - rest.len()].to_owned();
    if !"vtbdoxXeEfgGsq".contains(mode) {
        return Err(format!("{} is not a verb", verb.raw));
    }
    Ok((verb, position, rest))
}

impl Verb {
    fn apply(&self, argument: &Value) -> Result<String, String> {
        match self.mode {
            'v' => self.any(argument),
            't' => {
                let text = match required(argument, &Type::Bool)? {
                    Value::Bool(true) => "true",
                    _ => "false",
                };
                // A width says nothing here.
                Ok(text.to_owned())
            }
            's' => {
                let value = required(argument, &Type::String)?;
                Ok(self.string(value.as_str().unwrap_or_default()))
            }
            'q' => {
                let value = required(argument, &Type::String)?;
                let mut quoted = String::new();
                json::quote(&self.cut(value.as_str().unwrap_or_default()), &mut quoted);
                Ok(self.pad(quoted, false))
            }
            'b' | 'd' | 'o' | 'x' | 'X' => match required(argument, &Type::Number)? {
                Value::Number(n) => self.integer(&n),
                _ => Err("a number is required".to_owned()),
            },
            _ => match required(argument, &Type::Number)? {
                Value::Number(n) => Ok(self.float(&n, self.mode)),
                _ => Err("a number is required".to_owned()),
            },
        }
    }

    /// `%v`: each type in its own way.
    fn any(&self, argument: &Value) -> Result<String, String> {
        if self.sharp {
            let mut out = String::new();
            json::encode(argument, &mut out);
            return Ok(self.pad(out, false));
        }
        Ok(match argument {
            Value::Null(_) => self.pad("null".to_owned(), false),
            Value::String(s) => self.string(s),
            // However many digits there are.
            Value::Number(n) => Verb {
                precision: None,
                ..self.clone()
            }
            .float(n, 'g'),
            Value::Bool(b) => self.pad(b.to_string(), false),
            _ => {
                let mut out = String::new();
                json::encode(argument, &mut out);
                self.pad(out, false)
            }
        })
    }

    fn cut(&self, text: &str) -> String {
        match self.precision {
            Some(length) => text.graphemes(true).take(length).collect(),
            None => text.to_owned(),
        }
    }

    fn string(&self, text: &str) -> String {
        self.pad(self.cut(text), false)
    }

    /// Fills up to the width; numbers take zeros after the sign.
    fn pad(&self, text: String, number: bool) -> String {
        let length = text.graphemes(true).count();
        let fill = self.width.unwrap_or(0).saturating_sub(length);
        if fill == 0 {
            return text;
        }
        if self.minus {
            return text + &" ".repeat(fill);
        }
        if !self.zero {
            return " ".repeat(fill) + &text;
        }
        let sign = usize::from(number && text.starts_with(['-', '+', ' ']));
        format!("{}{}{}", &text[..sign], "0".repeat(fill), &text[sign..])
    }

    fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.plus, self.space) {
            (true, _, _) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            (false, false, false) => "",
        }
    }

    fn integer(&self, n: &Number) -> Result<String, String> {
        let value = n.to_integer().ok_or("a whole number is required")?;
        let (sign, magnitude) = value.into_parts();
        let radix = match self.mode {
            'b' => 2,
            'o' => 8,
            'x' | 'X' => 16,
            _ => 10,
        };
        let mut digits = magnitude.in_radix(radix).to_string();
        if self.mode == 'X' {
            digits = digits.to_uppercase();
        }
        if let Some(least) = self.precision {
            digits = format!("{digits:0>least$}");
        }
        let prefix = match (self.sharp, self.mode) {
            (true, 'b') => "0b",
            (true, 'o') => "0",
            (true, 'x') => "0x",
            (true, 'X') => "0X",
            _ => "",
        };
        let sign = self.sign(sign == dashu_int::Sign::Negative);
        let bare = format!("{sign}{prefix}{digits}");
        if !self.zero || self.minus || self.precision.is_some() {
            let plain = Verb {
                zero: false,
                minus: self.minus,
                width: self.width,
                ..Verb::default()
            };
            return Ok(plain.pad(bare, true));
        }
        let fill = self.width.unwrap_or(0).saturating_sub(bare.len());
        Ok(format!("{sign}{prefix}{}{digits}", "0".repeat(fill)))
    }

    fn float(&self, n: &Number, mode: char) -> String {
        let (negative, digits, point) = match mode {
            'g' | 'G' if self.precision.is_none() => n.shortest_digits(),
            _ => n.exact_digits(),
        };
        let digits = Digits { digits, point };
        let body = match mode {
            'f' => digits.round_to_place(self.precision.unwrap_or(6)),
            'e' | 'E' => digits.scientific(Some(self.precision.unwrap_or(6)), mode),
            _ => digits.general(self.precision, if mode == 'g' { 'e' } else { 'E' }),
        };
        self.pad(format!("{}{body}", self.sign(negative)), true)
    }
}

fn required(argument: &Value, ty: &Type) -> Result<Value, String> {
    if argument.is_null() {
        return Err("the value is null".to_owned());
    }
    convert(argument, ty).map_err(|e| e.to_string())
}

/// Decimal digits `0.d₁d₂… × 10^point`.
struct Digits {
    digits: String,
    point: isize,
}

impl Digits {
    /// Rounded half to even to so many digits.
    fn rounded(&self, keep: isize) -> Digits {
        let Ok(keep) = usize::try_from(keep) else {
            return Digits {
                digits: String::new(),
                point: 0,
            };
        };
        let bytes = self.digits.as_bytes();
        if keep >= bytes.len() {
            return Digits {
                digits: self.digits.clone(),
                point: self.point,
            };
        }
        let up = match bytes[keep] {
            b'5' if keep + 1 == bytes.len() => keep > 0 && bytes[keep - 1] % 2 == 1,
            next => next >= b'5',
        };
        let mut kept = bytes[..keep].to_vec();
        let mut point = self.point;
        if up {
            while kept.last() == Some(&b'9') {
                kept.pop();
            }
            match kept.last_mut() {
                Some(last) => *last += 1,
                None => {
                    kept.push(b'1');
                    point += 1;
                }
            }
        }
        let digits = String::from_utf8(kept).expect("digits are ASCII");
        Digits { digits, point }
    }

    fn digit(&self, place: isize) -> char {
        usize::try_from(place)
            .ok()
            .and_then(|i| self.digits.as_bytes().get(i))
            .map_or('0', |b| char::from(*b))
    }

    /// With so many places after the point.
    fn round_to_place(&self, places: usize) -> String {
        let signed = isize::try_from(places).unwrap_or(isize::MAX);
        self.rounded(self.point.saturating_add(signed))
            .plain(places)
    }

    fn plain(&self, places: usize) -> String {
        let mut out = String::new();
        if self.point > 0 {
            out.extend((0..self.point).map(|i| self.digit(i)));
        } else {
            out.push('0');
        }
        if places > 0 {
            out.push('.');
            let places = isize::try_from(places).unwrap_or(isize::MAX);
            out.extend((0..places).map(|i| self.digit(self.point + i)));
        }
        out
    }

    /// As `1.5e+06`, with so many places or as many as there are.
    fn scientific(&self, places: Option<usize>, e: char) -> String {
        let rounded = match places {
            Some(places) => self.rounded(isize::try_from(places).unwrap_or(isize::MAX - 1) + 1),
            None => self.rounded(isize::MAX),
        };
        let places = places.unwrap_or(rounded.digits.len().saturating_sub(1));
        let mut out = String::new();
        out.push(rounded.digit(0));
        if places > 0 {
            out.push('.');
            let places = isize::try_from(places).unwrap_or(isize::MAX - 1);
            out.extend((1..=places).map(|i| rounded.digit(i)));
        }
        let exponent = if rounded.digits.is_empty() {
            0
        } else {
            rounded.point - 1
        };
        let sign = if exponent < 0 { '-' } else { '+' };
        out + &format!("{e}{sign}{:02}", exponent.unsigned_abs())
    }

    /// As Go's `%g`: scientific for exponents below -4 or past the precision.
    fn general(&self, precision: Option<usize>, e: char) -> String {
        let keep = precision.map(|p| p.max(1));
        let rounded = match keep {
            Some(keep) => self.rounded(isize::try_from(keep).unwrap_or(isize::MAX)),
            None => self.rounded(isize::MAX),
        };
        let count = rounded.digits.trim_end_matches('0').len();
        let signed = |n: usize| isize::try_from(n).unwrap_or(isize::MAX);
        let mut limit = match keep {
            Some(keep) => signed(keep),
            None => 6,
        };
        if keep.is_some()
            && limit > signed(rounded.digits.len())
            && signed(rounded.digits.len()) >= rounded.point
        {
            limit = signed(rounded.digits.len());
        }
        let exponent = rounded.point - 1;
        if !rounded.digits.is_empty() && (exponent < -4 || exponent >= limit) {
            let places = keep
                .map_or(count, |k| k.min(rounded.digits.len()))
                .saturating_sub(1);
            return rounded.scientific(Some(places), e);
        }
        rounded.plain(usize::try_from(signed(count) - rounded.point).unwrap_or(0))
    }
}
