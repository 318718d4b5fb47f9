//! The language from outside: stack files in, programs or messages out.

mod broken;
mod evaluation;
mod expressions;
mod programs;
mod world;
