//! End to end: the real binary against the sandbox and moto, with the output that a person sees.
#![allow(unreachable_pub, clippy::print_stdout, reason = "a test binary")]

mod aws_credentials;
mod aws_data;
mod aws_preflight;
mod aws_session;
mod aws_types;
mod azure_defaults;
mod azure_gateways;
mod azure_preflight;
mod azure_types;
mod broken;
mod commands;
mod concurrent;
mod conditions;
#[cfg(unix)]
mod control_plane;
#[cfg(unix)]
mod crossplane;
mod day2;
#[cfg(unix)]
mod drill;
mod ephemeral;
mod explain;
mod export;
mod failures;
#[cfg(unix)]
mod gitops;
mod google_load_balancers;
mod google_preflight;
mod google_session;
mod google_types;
#[cfg(unix)]
mod hardened;
#[cfg(unix)]
mod hardening;
mod held;
#[cfg(unix)]
mod hostile;
mod kill;
#[cfg(unix)]
mod kills;
#[cfg(unix)]
#[path = "../kube/mod.rs"]
mod kube;
mod kubernetes;
mod late;
mod life;
#[cfg(unix)]
mod lock;
mod lost;
mod modules;
mod oracles;
#[cfg(unix)]
mod pipelines;
mod plans;
mod pools;
mod reference;
mod refresh;
#[cfg(unix)]
mod rotation;
mod state;
mod support;
mod tables;
mod terraform;
mod types;
mod waves;
