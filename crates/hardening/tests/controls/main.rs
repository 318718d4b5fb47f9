//! What controls make: whole expansions as snapshots, every object held against the definition of its kind, promises one by
//! one, and what a person sees when inputs make no sense. No cluster, no language: the expansions themselves.

mod audit;
mod fixture;
mod framework;
mod network;
mod quotas;
mod reach;
mod schema;
mod seal;
mod secrets;
mod tls;
