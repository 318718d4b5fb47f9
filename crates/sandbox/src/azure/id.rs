//! Ids of resources: `/subscriptions/S/resourceGroups/G/providers/N/T/NAME/…`. They name the same whatever their case.

/// An id, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Id {
    /// As it is shown.
    pub(crate) text: String,
}

impl Id {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// An id that a client has written: it must begin as one.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let good = text.starts_with('/')
            && text.split('/').skip(1).all(|segment| !segment.is_empty())
            && text.split('/').skip(1).count().is_multiple_of(2);
        let first = text.split('/').nth(1)?;
        let begins =
            first.eq_ignore_ascii_case("subscriptions") || first.eq_ignore_ascii_case("providers");
        (good && begins).then(|| Self::new(text))
    }

    /// The key under which the world keeps it.
    pub(crate) fn key(&self) -> String {
        self.text.to_ascii_lowercase()
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let segments: Vec<_> = self.text.split('/').skip(1).collect();
        (0..segments.len() / 2)
            .map(move |at| (segments[2 * at], segments[2 * at + 1]))
            .collect::<Vec<_>>()
            .into_iter()
    }

    fn after(&self, word: &str) -> Option<&str> {
        self.pairs()
            .find(|(name, _)| name.eq_ignore_ascii_case(word))
            .map(|(_, value)| value)
    }

    pub(crate) fn subscription(&self) -> &str {
        self.after("subscriptions").unwrap_or_default()
    }

    /// The resource group, empty for what is in none.
    pub(crate) fn group(&self) -> &str {
        self.after("resourceGroups").unwrap_or_default()
    }

    /// The id of the resource group.
    pub(crate) fn group_id(&self) -> Self {
        Self::new(format!(
            "/subscriptions/{}/resourceGroups/{}",
            self.subscription(),
            self.group()
        ))
    }

    /// `Microsoft.Network/virtualNetworks/subnets`, after the last `providers`; empty for groups and subscriptions.
    pub(crate) fn kind(&self) -> String {
        let pairs: Vec<_> = self.pairs().collect();
        let last = pairs
            .iter()
            .rposition(|(name, _)| name.eq_ignore_ascii_case("providers"));
        let Some(last) = last else {
            return String::new();
        };
        let mut kind = pairs[last].1.to_owned();
        for (name, _) in &pairs[last + 1..] {
            kind.push('/');
            kind.push_str(name);
        }
        kind
    }

    /// The last name.
    pub(crate) fn name(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }

    /// Names after the last `providers`, joined by `/` as errors write them.
    pub(crate) fn names(&self) -> String {
        let pairs: Vec<_> = self.pairs().collect();
        let last = pairs
            .iter()
            .rposition(|(name, _)| name.eq_ignore_ascii_case("providers"))
            .map_or(0, |at| at + 1);
        let names: Vec<_> = pairs[last..].iter().map(|(_, value)| *value).collect();
        names.join("/")
    }

    /// The id without its last type and name; a resource's parent, or its group with `providers/N`.
    pub(crate) fn parent(&self) -> Self {
        let mut segments: Vec<_> = self.text.split('/').collect();
        segments.truncate(segments.len().saturating_sub(2));
        Self::new(segments.join("/"))
    }

    /// A child.
    pub(crate) fn child(&self, kind: &str, name: &str) -> Self {
        Self::new(format!("{}/{kind}/{name}", self.text))
    }

    /// A resource of a type in the same group.
    pub(crate) fn beside(&self, kind: &str, name: &str) -> Self {
        Self::new(format!("{}/providers/{kind}/{name}", self.group_id().text))
    }

    /// Whether they name the same.
    pub(crate) fn is(&self, other: &str) -> bool {
        self.text.eq_ignore_ascii_case(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_taken_apart() {
        let id = Id::new(
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/n",
        );
        assert_eq!(
            (id.subscription(), id.group(), id.kind().as_str(), id.name()),
            ("s", "g", "Microsoft.Network/virtualNetworks/subnets", "n")
        );
        assert_eq!(id.names(), "v/n");
        assert_eq!(id.parent().kind(), "Microsoft.Network/virtualNetworks");
        assert_eq!(id.group_id().kind(), "");
        assert_eq!(
            id.beside("N/t", "x").text,
            "/subscriptions/s/resourceGroups/g/providers/N/t/x"
        );
        assert!(Id::read("/subscriptions/s/resourceGroups/g").is_some());
        for bad in [
            "",
            "x",
            "/subscriptions",
            "/subscriptions/s/resourceGroups",
            "/a/b",
        ] {
            assert!(Id::read(bad).is_none(), "{bad}");
        }
    }
}
