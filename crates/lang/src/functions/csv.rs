//! CSV as RFC 4180 and Go's reader have it.

/// The records of a text; blank lines are skipped, every record has as many fields as the first.
pub(super) fn records(text: &str) -> Result<Vec<Vec<String>>, String> {
    let mut records: Vec<Vec<String>> = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while !rest.is_empty() {
        if let Some(after) = rest
            .strip_prefix("\r\n")
            .or_else(|| rest.strip_prefix('\n'))
        {
            rest = after;
            line += 1;
            continue;
        }
        let started = line;
        let (record, after, lines) =
            record(rest).map_err(|reason| format!("line {line} of the CSV: {reason}"))?;
        line += lines;
        if let Some(first) = records.first()
            && first.len() != record.len()
        {
            return Err(format!(
                "line {started} of the CSV has {} fields instead of {}",
                record.len(),
                first.len()
            ));
        }
        records.push(record);
        rest = after;
    }
    Ok(records)
}

/// One record, what follows it, and the number of lines it takes.
fn record(text: &str) -> Result<(Vec<String>, &str, usize), &'static str> {
    let mut fields = Vec::new();
    let mut rest = text;
    let mut lines = 1;
    loop {
        let field;
        (field, rest) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (field, after) = quoted_field(quoted)?;
                lines += field.matches('\n').count();
                (field, after)
            }
            None => {
                let end = rest.find([',', '\n']).unwrap_or(rest.len());
                let (mut field, after) = rest.split_at(end);
                if after.starts_with('\n') || after.is_empty() {
                    field = field.strip_suffix('\r').unwrap_or(field);
                }
                if field.contains('"') {
                    return Err("a quote inside a field that does not begin with one");
                }
                (field.to_owned(), after)
            }
        };
        fields.push(field);
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None => {
                let after = rest
                    .strip_prefix("\r\n")
                    .or_else(|| rest.strip_prefix('\n'))
                    .or_else(|| rest.strip_prefix('\r').filter(|r| r.is_empty()))
                    .unwrap_or(rest);
                return Ok((fields, after, lines));
            }
        }
    }
}

fn quoted_field(text: &str) -> Result<(String, &str), &'static str> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let Some(end) = rest.find('"') else {
            return Err("a quote is not closed");
        };
        field.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None if rest.is_empty()
                || rest.starts_with([',', '\n'])
                || rest.starts_with("\r\n") =>
            {
                return Ok((field.replace("\r\n", "\n"), rest));
            }
            None => return Err("text after the quote that ends a field"),
        }
    }
}
