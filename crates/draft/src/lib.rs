//! What every expansion is written with: inputs read into records, natives written with the user's tags and overrides, names,
//! and the cloud it lands on. `components` and `hardening` stand on it; it knows neither.

pub mod azure;
pub mod cloud;
pub mod draft;
pub mod input;
pub mod names;
