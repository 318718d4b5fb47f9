//! Stack files and expressions, checked into a program with a span on every node. Parsing never fails: every error of a
//! file comes out of one run as diagnostics. This room knows `model` alone; it reads files only through [`files::Files`],
//! never prints, and never reads the environment or a clock.

mod blocks;
mod check;
pub mod codes;
mod console;
pub mod eval;
mod expansion;
mod extends;
pub mod files;
mod format;
pub mod functions;
mod load;
mod locate;
pub mod modules;
mod parse;
mod report;
mod substitute;
mod variables;

pub use blocks::stack::parse_duration;
pub use console::parse_expression;
pub use eval::Evaluator;
pub use files::Files;
pub use format::format;
pub use functions::yaml_decode::documents as yaml_documents;
pub use load::{LoadRequest, Loaded, load};
pub use variables::{ENVIRONMENT_PREFIX, Given};
