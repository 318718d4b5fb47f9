//! What every cloud's provider needs and no cloud owns: configuration, default tags, values shaped at the border, calls sent
//! again, waits that show where the cloud stands, access that comes late, turns at what is shared, fields and attributes. It
//! knows no cloud.

pub mod absence;
pub mod config;
pub mod declared;
pub mod defaults;
pub mod fields;
pub mod late;
pub mod marks;
pub mod minors;
pub mod overtaken;
pub mod part;
pub mod pending;
pub mod preflight;
mod provider;
pub mod read;
pub mod retry;
pub mod shape;
pub mod testing;
pub mod wait;

pub use provider::{Cloud, CloudProvider};
