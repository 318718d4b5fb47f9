//! Patterns of file paths: `*`, `?`, `[a-z]`, `{a,b}` inside one element, `**` across elements.

/// Whether a path matches a pattern; `Err` for a pattern without meaning.
pub(super) fn matches(pattern: &str, path: &str) -> Result<bool, String> {
    let mut found = false;
    for alternative in alternatives(pattern)? {
        let pattern: Vec<&str> = alternative.split('/').collect();
        let path: Vec<&str> = path.split('/').collect();
        found |= elements(&pattern, &path)?;
    }
    Ok(found)
}

/// The patterns that a pattern with braces stands for.
fn alternatives(pattern: &str) -> Result<Vec<String>, String> {
    let mut depth = 0;
    let mut open = 0;
    let mut cuts = Vec::new();
    let mut escaped = false;
    for (i, c) in pattern.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '{' => {
                if depth == 0 {
                    open = i;
                }
                depth += 1;
            }
            ',' if depth == 1 => cuts.push(i),
            '}' if depth == 1 => {
                let (head, tail) = (&pattern[..open], &pattern[i + 1..]);
                cuts.push(i);
                let mut from = open + 1;
                let mut out = Vec::new();
                for cut in cuts {
                    out.extend(alternatives(&format!(
                        "{head}{}{tail}",
                        &pattern[from..cut]
                    ))?);
                    from = cut + 1;
                }
                return Ok(out);
            }
            '}' if depth > 1 => depth -= 1,
            _ => {}
        }
    }
    if depth > 0 {
        return Err("a brace of the pattern is not closed".to_owned());
    }
    Ok(vec![pattern.to_owned()])
}

fn elements(pattern: &[&str], path: &[&str]) -> Result<bool, String> {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => Ok(true),
        (Some((&"**", rest)), None) => elements(rest, path),
        (Some((&"**", rest)), Some((_, below))) => {
            Ok(elements(rest, path)? || elements(pattern, below)?)
        }
        (Some((pattern, patterns)), Some((name, names))) => {
            let pattern: Vec<char> = pattern.chars().collect();
            let name: Vec<char> = name.chars().collect();
            Ok(element(&pattern, &name)? && elements(patterns, names)?)
        }
        _ => Ok(false),
    }
}

fn element(pattern: &[char], name: &[char]) -> Result<bool, String> {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => Ok(true),
        (Some((&'*', rest)), _) => Ok(element(rest, name)?
            || match name.split_first() {
                Some((_, below)) => element(pattern, below)?,
                None => false,
            }),
        (Some((&'?', rest)), Some((_, below))) => element(rest, below),
        (Some((&'[', rest)), Some((c, below))) => {
            let (matched, rest) = class(rest, *c)?;
            Ok(matched && element(rest, below)?)
        }
        (Some((&'\\', rest)), Some((c, below))) => match rest.split_first() {
            Some((literal, rest)) => Ok(literal == c && element(rest, below)?),
            None => Err("the pattern ends in a backslash".to_owned()),
        },
        (Some((literal, rest)), Some((c, below))) => Ok(literal == c && element(rest, below)?),
        _ => Ok(false),
    }
}

/// Whether a character is in a class, and the pattern after it.
fn class(pattern: &[char], c: char) -> Result<(bool, &[char]), String> {
    let (negated, mut rest) = match pattern {
        ['^' | '!', rest @ ..] => (true, rest),
        _ => (false, pattern),
    };
    let mut found = false;
    let mut first = true;
    loop {
        match rest {
            [']', after @ ..] if !first => return Ok((found != negated, after)),
            [low, '-', high, after @ ..] if *high != ']' => {
                found |= (*low..=*high).contains(&c);
                rest = after;
            }
            [single, after @ ..] => {
                found |= *single == c;
                rest = after;
            }
            [] => return Err("a bracket of the pattern is not closed".to_owned()),
        }
        first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_paths() {
        let cases = [
            ("*.txt", "a.txt", true),
            ("*.txt", "d/a.txt", false),
            ("**/*.txt", "a.txt", true),
            ("**/*.txt", "d/e/a.txt", true),
            ("**", "d/e", true),
            ("d/**/x", "d/x", true),
            ("d/**/x", "d/a/b/x", true),
            ("?.t[a-z]t", "a.txt", true),
            ("[!a].txt", "a.txt", false),
            ("{a,b}.{txt,md}", "b.md", true),
            ("{a,{b,c}d}", "cd", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(matches(pattern, path), Ok(expected), "{pattern} {path}");
        }
        for pattern in ["{a", "[a", "a\\"] {
            assert!(matches(pattern, "ab").is_err(), "{pattern}");
        }
    }
}
