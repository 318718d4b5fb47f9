//! The language from outside: stack files in, programs or messages out.

mod broken;
mod dice;
mod evaluation;
mod expressions;
mod layout;
mod literals;
mod modules;
mod programs;
mod properties;
mod world;
