//! Tags as Resource Manager takes them: names without regard to case, at most 50.

use std::collections::BTreeSet;

use serde_json::Value;

use super::error::{ArmError, ArmResult};

/// Most tags of a resource.
const MOST: usize = 50;

/// Characters that names may not have.
const RESERVED: [char; 7] = ['<', '>', '%', '&', '\\', '?', '/'];

/// Checks tags of a request.
pub(crate) fn check(tags: Option<&Value>) -> ArmResult<()> {
    let Some(tags) = tags.and_then(Value::as_object) else {
        return Ok(());
    };
    if tags.len() > MOST {
        return Err(ArmError::bad(
            "InvalidTagsCount",
            format!(
                "The tags provided exceed the maximum allowed limit: {} tags were given, and a resource may have {MOST}.",
                tags.len()
            ),
        ));
    }
    let mut names = BTreeSet::new();
    for (name, value) in tags {
        let value = value.as_str().unwrap_or_default();
        if name.trim().is_empty() || name.chars().count() > 512 {
            return Err(ArmError::bad(
                "InvalidTagNameLength",
                format!("The tag name '{name}' is empty or longer than 512 characters."),
            ));
        }
        if value.chars().count() > 256 {
            return Err(ArmError::bad(
                "InvalidTagValueLength",
                format!("The value of the tag '{name}' is longer than 256 characters."),
            ));
        }
        if name.contains(RESERVED) || name.chars().any(char::is_control) {
            return Err(ArmError::bad(
                "InvalidTagNameCharacters",
                format!(
                    "The tag names '{name}' have reserved characters '<,>,%,&,\\,?,/' or control characters."
                ),
            ));
        }
        if !names.insert(name.to_lowercase()) {
            return Err(ArmError::bad(
                "DuplicateTagName",
                format!("The tag name '{name}' is given more than once."),
            ));
        }
    }
    Ok(())
}
