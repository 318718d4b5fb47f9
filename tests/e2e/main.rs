//! End to end: the real binary against the sandbox and moto, with the output that a person sees.

mod aws_types;
mod broken;
mod commands;
mod kill;
mod life;
mod refresh;
mod support;
