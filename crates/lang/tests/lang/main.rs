//! The language from outside: stack files in, programs or messages out.

mod broken;
mod programs;
mod world;
