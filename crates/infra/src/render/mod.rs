//! What a person or another program reads: plans, states, outputs, diagnostics. Everything here turns data into text and
//! prints nothing itself.

pub(crate) mod diagnostic;
pub(crate) mod diff;
pub(crate) mod explanation;
pub(crate) mod fix;
pub(crate) mod generated;
pub(crate) mod graph;
pub(crate) mod history;
pub(crate) mod json;
pub(crate) mod literal;
pub(crate) mod moment;
pub(crate) mod paint;
pub(crate) mod plan;
pub(crate) mod print;
pub(crate) mod report;
pub(crate) mod state;
pub(crate) mod stored;
pub(crate) mod tree;
pub(crate) mod veil;
mod why;

#[cfg(test)]
pub(crate) mod tests;
