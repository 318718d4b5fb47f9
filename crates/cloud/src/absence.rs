//! Errors that say only that something is not there.

use infra_model::{ErrorKind, ProviderError};

/// The same, with what is absent counted as done.
///
/// # Errors
/// Every other error.
pub fn absent_is_done<T>(result: Result<T, ProviderError>) -> Result<(), ProviderError> {
    match result {
        Err(error) if error.kind != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// None of what is absent.
///
/// # Errors
/// Every other error.
pub fn there<T>(result: Result<T, ProviderError>) -> Result<Option<T>, ProviderError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
