//! Paths of methods, as Google's HTTP rules write them (`google/api/http.proto`, "Path template syntax"): `{project}` is one
//! segment, `{name=projects/*/locations/*}` several, and a verb may follow after a colon.

/// What the variables of a template stand for in a path; none when it is another method's.
pub(super) fn captured<'a>(
    template: &'static str,
    path: &'a str,
) -> Option<Vec<(&'static str, &'a str)>> {
    let mut out = Vec::new();
    let (mut template, mut path) = (template, path);
    while !template.is_empty() {
        let Some(rest) = template.strip_prefix('{') else {
            let literal = template.split('{').next().unwrap_or(template);
            path = path.strip_prefix(literal)?;
            template = &template[literal.len()..];
            continue;
        };
        let (variable, rest) = rest.split_once('}')?;
        let (name, form) = variable.split_once('=').unwrap_or((variable, "*"));
        let text = segments(path, form, rest.starts_with(':').then_some(rest))?;
        out.push((name, text));
        path = &path[text.len()..];
        template = rest;
    }
    path.is_empty().then_some(out)
}

/// The beginning of a path that has the form `projects/*/locations/*`; a verb that follows is not part of it.
fn segments<'a>(path: &'a str, form: &str, verb: Option<&str>) -> Option<&'a str> {
    let path = match verb {
        Some(verb) => path.strip_suffix(verb)?,
        None => path,
    };
    let count = form.split('/').count();
    let end = path.match_indices('/').nth(count - 1);
    let text = &path[..end.map_or(path.len(), |(at, _)| at)];
    let parts: Vec<&str> = text.split('/').collect();
    let fits = parts.len() == count
        && form
            .split('/')
            .zip(&parts)
            .all(|(form, part)| !part.is_empty() && (form == "*" || form == *part));
    fits.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_segments_of_the_path() {
        let cases: [(&str, &str, Option<&[(&str, &str)]>); 7] = [
            (
                "projects/{project}/global/networks/{network}",
                "projects/p/global/networks/n",
                Some(&[("project", "p"), ("network", "n")]),
            ),
            (
                "projects/{project}/global/networks",
                "projects/p/global/networks/n",
                None,
            ),
            (
                "projects/{project}/global/networks/{network}",
                "projects/p/global/networks/",
                None,
            ),
            (
                "{parent=projects/*/locations/*}/clusters",
                "projects/p/locations/-/clusters",
                Some(&[("parent", "projects/p/locations/-")]),
            ),
            (
                "{name=projects/*/serviceAccounts/*}:disable",
                "projects/example.com:p/serviceAccounts/a@p.example.com:disable",
                Some(&[(
                    "name",
                    "projects/example.com:p/serviceAccounts/a@p.example.com",
                )]),
            ),
            (
                "{name=projects/*/serviceAccounts/*}:disable",
                "projects/p/serviceAccounts/a:enable",
                None,
            ),
            ("flags", "flags", Some(&[])),
        ];
        for (template, path, expected) in cases {
            assert_eq!(captured(template, path).as_deref(), expected, "{template}");
        }
    }
}
