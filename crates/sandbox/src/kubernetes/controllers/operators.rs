//! Custom resources become ready when the operator that serves them is there.

use std::sync::Arc;

use serde_json::Value;

use super::super::kinds::Resource;
use super::super::store::Session;

pub(super) fn reconcile(_: &mut Session<'_>, _: &Resource, _: &str, _: &Arc<Value>) {}

pub(super) fn gone(_: &mut Session<'_>, _: &str, _: &Value) {}

pub(super) fn defined(_: &mut Session<'_>, _: &str) {}

pub(super) fn rolled_out(_: &mut Session<'_>, _: &str, _: &str) {}

pub(super) fn exposed(_: &mut Session<'_>, _: &Value) {}
