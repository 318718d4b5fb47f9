//! Logs: Microsoft.OperationalInsights, and Microsoft.Insights, which sends them there.

pub(crate) mod diagnostic_setting;
pub(crate) mod workspace;
