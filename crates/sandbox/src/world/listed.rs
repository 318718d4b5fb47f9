//! How documents are shown among the live resources.

use serde::{Deserialize, Serialize};

/// How a resource is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub(crate) cloud: String,
    #[serde(rename = "type")]
    pub(crate) resource: String,
    /// The id to show, when it is not the document's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// The region to show, when it is not the document's scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<String>,
    /// The resource that made it, when a controller did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
}

impl Listed {
    /// A resource that a client made in AWS.
    pub(crate) fn aws(resource: &str) -> Option<Self> {
        Some(Self {
            cloud: "aws".to_owned(),
            resource: resource.to_owned(),
            id: None,
            region: None,
            owner: None,
        })
    }
}
