//! The language from outside: stack files in, programs or messages out.

mod broken;
mod evaluation;
mod expressions;
mod literals;
mod programs;
mod properties;
mod world;
