//! Types with their api-versions, and where what has one is: from a type, a parent and a name to an id, and back.

/// The type of resource groups, whose ids are not made as all others are.
const GROUPS: &str = "Microsoft.Resources/resourceGroups";

/// `Microsoft.App/managedEnvironments` and `2025-01-01`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) name: String,
    pub(super) version: String,
}

impl Kind {
    /// What `Microsoft.App/managedEnvironments@2025-01-01` says; none of anything else.
    pub(super) fn parse(text: &str) -> Option<Kind> {
        let (name, version) = text.split_once('@')?;
        let (namespace, rest) = name.split_once('/')?;
        let word = |part: &str| {
            let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            !part.is_empty() && part.chars().all(letters)
        };
        let named = namespace.contains('.') && word(namespace) && rest.split('/').all(word);
        (named && is_version(version)).then(|| Kind {
            name: name.to_owned(),
            version: version.to_owned(),
        })
    }

    /// The id of what has a name and is in a parent.
    ///
    /// # Errors
    /// What the parent must be instead.
    pub(super) fn id(&self, parent: &str, name: &str) -> Result<String, String> {
        let parent = parent.trim_end_matches('/');
        if !parent.is_empty() && !parent.starts_with('/') {
            return Err(format!("`{parent}` is no id of a resource"));
        }
        if self.name.eq_ignore_ascii_case(GROUPS) {
            return if parent.starts_with("/subscriptions/") && parent.matches('/').count() == 2 {
                Ok(format!("{parent}/resourceGroups/{name}"))
            } else {
                Err("the parent of a resource group is a subscription".to_owned())
            };
        }
        let (owner, last) = self.name.rsplit_once('/').unwrap_or_default();
        if !owner.contains('/') {
            return Ok(format!("{parent}/providers/{}/{name}", self.name));
        }
        match kind_of(parent) {
            Some(kind) if kind.eq_ignore_ascii_case(owner) => Ok(format!("{parent}/{last}/{name}")),
            _ => Err(format!("the parent of a {} is a {owner}", self.name)),
        }
    }
}

fn is_version(text: &str) -> bool {
    let date = text.get(..10).unwrap_or_default();
    let shaped = date.char_indices().all(|(i, c)| match i {
        4 | 7 => c == '-',
        _ => c.is_ascii_digit(),
    });
    let rest = text.get(10..).unwrap_or_default();
    date.len() == 10 && shaped && (rest.is_empty() || rest.starts_with('-') && rest.len() > 1)
}

/// The type of what is under an id; none where an id names no resource.
pub(super) fn kind_of(id: &str) -> Option<String> {
    let Some(at) = id.rfind("/providers/") else {
        let parts: Vec<&str> = id.split('/').collect();
        return match &parts[..] {
            ["", _, subscription, groups, name]
                if groups.eq_ignore_ascii_case("resourceGroups")
                    && !subscription.is_empty()
                    && !name.is_empty() =>
            {
                Some(GROUPS.to_owned())
            }
            _ => None,
        };
    };
    let mut parts = id[at + "/providers/".len()..].split('/');
    let mut kind = parts.next()?.to_owned();
    let rest: Vec<&str> = parts.collect();
    let whole =
        !rest.is_empty() && rest.len().is_multiple_of(2) && rest.iter().all(|p| !p.is_empty());
    for name in rest.iter().step_by(2) {
        kind = format!("{kind}/{name}");
    }
    whole.then_some(kind)
}

/// What an id is in.
pub(super) fn parent_of(id: &str) -> &str {
    let above = crate::api::parent(id);
    let within = above.rfind("/providers/");
    let child = within.is_some_and(|at| above[at + "/providers/".len()..].contains('/'));
    match above.strip_suffix("/providers") {
        _ if child => above,
        Some(scope) => scope,
        None => above.rfind("/providers/").map_or(above, |at| &above[..at]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = "/subscriptions/s/resourceGroups/g";

    fn kind(text: &str) -> Kind {
        Kind::parse(text).expect("a type")
    }

    #[test]
    fn a_type_has_a_namespace_and_a_version() {
        assert_eq!(
            kind("Microsoft.App/containerApps@2025-01-01").version,
            "2025-01-01"
        );
        let preview = "Microsoft.App/containerApps/sub@2025-01-01-preview";
        assert_eq!(kind(preview).name, "Microsoft.App/containerApps/sub");
        for wrong in [
            "Microsoft.App/containerApps",
            "Microsoft.App@2025-01-01",
            "containerApps/x@2025-01-01",
            "Microsoft.App/@2025-01-01",
            "Microsoft.App/containerApps@latest",
            "Microsoft.App/containerApps@2025-01-01preview",
        ] {
            assert_eq!(Kind::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ids_are_made_of_parents_and_told_from_them() {
        let network = format!("{GROUP}/providers/Microsoft.Network/virtualNetworks/v");
        let subnet = format!("{network}/subnets/a");
        let lock = format!("{subnet}/providers/Microsoft.Authorization/locks/l");
        for (name, parent, id) in [
            (GROUPS, "/subscriptions/s", GROUP.to_owned()),
            ("Microsoft.Network/virtualNetworks", GROUP, network.clone()),
            (
                "Microsoft.Network/virtualNetworks/subnets",
                &network,
                subnet.clone(),
            ),
            ("Microsoft.Authorization/locks", &subnet, lock),
            (
                "Microsoft.Management/managementGroups",
                "",
                "/providers/Microsoft.Management/managementGroups/m".to_owned(),
            ),
        ] {
            let made = kind(&format!("{name}@2025-01-01")).id(parent, crate::api::short(&id));
            assert_eq!(made.as_ref(), Ok(&id));
            assert_eq!(kind_of(&id).as_deref(), Some(name));
            assert_eq!(parent_of(&id), parent, "{id}");
        }
        let subnets = kind("Microsoft.Network/virtualNetworks/subnets@2025-01-01");
        assert!(
            subnets
                .id(GROUP, "a")
                .is_err_and(|why| why.contains("virtualNetworks"))
        );
        assert!(
            kind(&format!("{GROUPS}@2025-01-01"))
                .id(GROUP, "x")
                .is_err()
        );
        for wrong in [
            "",
            "/subscriptions/s",
            GROUP.trim_end_matches('g'),
            "/x/providers/A.B/c",
        ] {
            assert_eq!(kind_of(wrong), None, "{wrong}");
        }
    }
}
