//! Amazon Web Services. Each resource type is one file: its schema and its life. The core beside them calls the cloud,
//! marks what is ours, waits and recovers; it knows no type.

mod acm;
mod autoscaling;
pub mod batch;
pub mod client;
mod cloudcontrol;
mod cloudcontrol_request;
mod cloudcontrol_tags;
mod cluster_token;
pub mod config;
mod credentials;
mod data;
mod document;
mod ec2;
mod ecr;
mod eks;
mod elbv2;
pub mod error;
pub mod family;
mod iam;
mod kms;
mod late;
mod logs;
mod naming;
pub mod poll;
mod preflight;
mod rds;
pub mod recover;
mod registry;
mod role;
mod route53;
mod s3;
mod secretsmanager;
mod session;
mod tagged;
pub mod tags;
mod trust;
pub mod wait;

pub use cluster_token::cluster_token;

use infra_model::Provider;
use std::sync::Arc;

/// The provider `aws`.
#[must_use]
pub fn provider() -> Arc<dyn Provider> {
    Arc::new(infra_cloud::CloudProvider::<session::Aws>::new())
}
