//! The addresses of provider configurations.

use super::{AddressError, InstanceKey, MODULE, ScopePath, is_identifier, split};
use crate::value::Str;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A provider configuration: `aws`, or `aws.us` for an alias; `kubernetes.main` for a cluster's; `aws.by_region["eu"]` for
/// one of an alias with `for_each`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ProviderAddress {
    /// `aws`, `builtin`, …
    pub name: Str,
    /// The alias, if not the default configuration, with its key where it has one.
    pub alias: Option<Str>,
}

impl ProviderAddress {
    /// The default configuration of a provider.
    #[must_use]
    pub fn default_of(name: impl Into<Str>) -> ProviderAddress {
        ProviderAddress {
            name: name.into(),
            alias: None,
        }
    }

    /// One configuration of an alias with `for_each`.
    #[must_use]
    pub fn with_key(&self, key: &InstanceKey) -> ProviderAddress {
        let alias = self.alias.as_deref().unwrap_or_default();
        ProviderAddress {
            name: self.name.clone(),
            alias: Some(format!("{alias}{key}").into()),
        }
    }

    /// Without the key of an alias with `for_each`; `None` when there is no key.
    #[must_use]
    pub fn without_key(&self) -> Option<ProviderAddress> {
        let alias = self.alias.as_deref().filter(|alias| alias.ends_with(']'))?;
        // The last bracket outside of quotes: the alias of a configuration in a module names that one's key too.
        let (mut quoted, mut escaped, mut bracket) = (false, false, None);
        for (at, c) in alias.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = quoted,
                '"' => quoted = !quoted,
                '[' if !quoted => bracket = Some(at),
                _ => {}
            }
        }
        Some(ProviderAddress {
            name: self.name.clone(),
            alias: Some(alias.get(..bracket?)?.into()),
        })
    }

    /// Whether this is one of the configurations of an alias with `for_each`.
    #[must_use]
    pub fn is_one_of(&self, alias: &ProviderAddress) -> bool {
        self.without_key().as_ref() == Some(alias)
    }

    /// A configuration that is defined inside a module: the alias says where, so that no two are alike.
    #[must_use]
    pub fn within(&self, scope: &ScopePath) -> ProviderAddress {
        match &self.alias {
            Some(alias) if !scope.is_root() => ProviderAddress {
                name: self.name.clone(),
                alias: Some(format!("{scope}.{alias}").into()),
            },
            _ => self.clone(),
        }
    }

    /// The provider of a resource type, by its prefix; `None` when no prefix is known.
    #[must_use]
    pub fn of_type(type_name: &str) -> Option<ProviderAddress> {
        let prefix = type_name.split('_').next().unwrap_or_default();
        let name = match prefix {
            "aws" | "google" => prefix,
            "azurerm" | "azapi" => "azure",
            "kubernetes" | "helm" => "kubernetes",
            "random" | "tls" | "local" | "time" | "terraform" | "http" | "external" | "sealed"
            | "caller" => "builtin",
            _ => return None,
        };
        Some(ProviderAddress::default_of(name))
    }
}

impl fmt::Display for ProviderAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.alias
            .as_ref()
            .map_or(Ok(()), |alias| write!(f, ".{alias}"))
    }
}

impl FromStr for ProviderAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (name, alias) = text
            .split_once('.')
            .map_or((text, None), |(n, a)| (n, Some(a)));
        // An alias is a name, with a key where it has `for_each`; or one that a component in a module defines.
        let is_alias = |a: &str| {
            is_identifier(a)
                || match split(a).as_deref() {
                    Ok([(_, Some(InstanceKey::Name(_)))]) => true,
                    Ok([(first, None), _, .., (_, None)]) => &**first == MODULE,
                    _ => false,
                }
        };
        if !is_identifier(name) || alias.is_some_and(|a| !is_alias(a)) {
            return Err(AddressError {
                text: text.to_owned(),
                why: "a provider is NAME, NAME.ALIAS or NAME.ALIAS[\"KEY\"]",
            });
        }
        Ok(ProviderAddress {
            name: name.into(),
            alias: alias.map(Into::into),
        })
    }
}

impl From<ProviderAddress> for String {
    fn from(address: ProviderAddress) -> String {
        address.to_string()
    }
}

impl TryFrom<String> for ProviderAddress {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_read_back_as_they_print() {
        for text in [
            "aws",
            "aws.us",
            "aws.by_region[\"eu-west-1\"]",
            "aws.x[\"a.b]\"]",
            "kubernetes.module.q[\"a\"].main",
        ] {
            let address: ProviderAddress = text.parse().expect(text);
            assert_eq!(address.to_string(), text);
        }
        let base: ProviderAddress = "aws.x".parse().expect("an alias");
        let one = base.with_key(&InstanceKey::Name("a.b".into()));
        assert_eq!(one.to_string(), "aws.x[\"a.b\"]");
        assert_eq!(one.without_key(), Some(base.clone()));
        assert_eq!(base.without_key(), None);
        for key in ["eu", "a[b", "a\"[b", "a\\"] {
            let key = InstanceKey::Name(key.into());
            let base: ProviderAddress = format!("aws.module.q{key}.x").parse().expect("an alias");
            assert_eq!(base.without_key(), None);
            assert_eq!(base.with_key(&key).without_key(), Some(base));
        }
        for text in [
            "",
            "aws.",
            "aws.x[0]",
            "aws.x[",
            "aws.x.y",
            "aws.x[\"a\"].y",
        ] {
            assert!(text.parse::<ProviderAddress>().is_err(), "{text}");
        }
    }
}
