//! Resources that live in the state alone (`terraform_data`, `random_*`, `tls_*`, `time_*`) or on this machine
//! (`local_file`), with Terraform's attribute names. Randomness and files are passed in; it reads neither clock nor disk
//! itself.

#![allow(
    clippy::result_large_err,
    reason = "`ProviderError` says much, and is rare"
)]

mod caller_address;
mod external;
pub mod files;
mod http;

mod dice;
mod ephemeral_password;
mod local_content;
mod local_file;
mod local_sensitive_file;
mod provider;
mod random_id;
mod random_integer;
mod random_password;
mod random_pet;
mod random_shuffle;
mod random_string;
mod random_text;
mod random_uuid;
mod sealed_secret;
mod state_only;
mod terraform_data;
mod time_sleep;
mod time_static;
mod tls_keys;
mod tls_private_key;
mod tls_self_signed_cert;
mod words;

#[cfg(test)]
mod testing;

pub use files::{Files, OsFiles};
pub use provider::{Builtin, provider};
