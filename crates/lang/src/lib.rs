//! Stack files and expressions, checked into a program with a span on every node. Parsing never fails: every error of a
//! file comes out of one run as diagnostics. This room knows `model` alone; it reads files only through [`files::Files`],
//! never prints, and never reads the environment or a clock.

pub mod files;
