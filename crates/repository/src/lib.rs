//! What stands in a configuration repository, and how it gets there: objects as YAML, secrets that only a cluster can open, and
//! the program `git`. Modules are fetched by it too.

pub mod branch;
pub mod git;
pub mod object;
pub mod seal;
pub mod yaml;
