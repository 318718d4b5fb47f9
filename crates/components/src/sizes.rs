//! `small`, `medium` and `large`: the sizes that are the same on every cloud, and what they are on one.

use crate::draft::Draft;
use infra_model::diagnostic::meant;

/// The cloud's name of a machine by size.
pub(crate) type Sizes = [(&'static str, &'static str); 3];

/// The machine of a size. Another size is refused at `path`; `any` is what `instance` takes instead: `any tier`.
pub(crate) fn machine(
    sizes: &Sizes,
    size: &str,
    path: &str,
    any: &str,
    draft: &mut Draft<'_>,
) -> Option<String> {
    if let Some((_, machine)) = sizes.iter().find(|(s, _)| *s == size) {
        return Some((*machine).to_owned());
    }
    let meant = meant(size, sizes.map(|(s, _)| s));
    let all: Vec<String> = sizes
        .iter()
        .map(|(s, machine)| format!("\"{s}\" ({machine})"))
        .collect();
    draft.refuse(
        path,
        format!("there is no size `{size}`{meant}"),
        format!("write {}, or `instance = \"…\"` with {any}", all.join(", ")),
    );
    None
}
