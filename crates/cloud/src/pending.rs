//! An id of a resource and the operation that makes it, written as one for the time of a creation: what a later run needs to go
//! on waiting.

const MARK: &str = "?operation=";

/// An id while its operation runs.
#[must_use]
pub fn known(id: &str, operation: &str) -> String {
    format!("{id}{MARK}{operation}")
}

/// The id, and the operation if one is still to be waited for.
#[must_use]
pub fn split(known: &str) -> (&str, Option<&str>) {
    match known.split_once(MARK) {
        Some((id, operation)) => (id, Some(operation)),
        None => (known, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_carries_its_operation() {
        for (id, operation) in [
            (
                "/subscriptions/s/resourceGroups/g",
                "/subscriptions/s/operations/o?api-version=v&t=1",
            ),
            (
                "projects/p/locations/l/clusters/c",
                "projects/p/locations/l/operations/operation-2",
            ),
        ] {
            assert_eq!(split(&known(id, operation)), (id, Some(operation)));
            assert_eq!(split(id), (id, None));
        }
    }
}
