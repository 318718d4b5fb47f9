//! Which cloud a component lands on, from `cloud = "aws"` or `"aws.us"` for an alias.

use infra_model::diagnostic::meant;
use infra_model::{ProviderAddress, Str};

/// A cloud that components can land on, with the provider configuration to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// Amazon Web Services.
    Aws(ProviderAddress),
    /// Google Cloud.
    Google(ProviderAddress),
    /// Azure.
    Azure(ProviderAddress),
}

/// Why a text is no cloud, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub struct CloudError {
    /// What is wrong.
    pub message: String,
    /// What to write.
    pub help: String,
}

impl Cloud {
    /// The provider configuration that the natives use.
    pub fn provider(&self) -> &ProviderAddress {
        match self {
            Cloud::Aws(provider) | Cloud::Google(provider) | Cloud::Azure(provider) => provider,
        }
    }

    /// As it is written in a stack file.
    pub fn text(&self) -> Str {
        self.provider().to_string().into()
    }

    /// Reads `aws`, `google`, `azure`, or one with an alias.
    ///
    /// # Errors
    /// No cloud.
    pub fn parse(text: &str) -> Result<Cloud, CloudError> {
        let help = "write `cloud = \"aws\"`, \"google\" or \"azure\", or `cloud = \"aws.NAME\"` for a [clouds.aws.alias.NAME]";
        let error = |message: String| CloudError {
            message,
            help: help.to_owned(),
        };
        let provider: ProviderAddress = text
            .parse()
            .map_err(|_| error(format!("`{text}` is not a cloud")))?;
        match &*provider.name {
            "aws" => Ok(Cloud::Aws(provider)),
            "google" => Ok(Cloud::Google(provider)),
            "azure" => Ok(Cloud::Azure(provider)),
            name => {
                let meant = meant(name, ["aws", "google", "azure"]);
                Err(error(format!("there is no cloud `{name}`{meant}")))
            }
        }
    }
}
