//! The engine with the real language over a state in memory: what is planned, in which order, and what is left after apply.

mod ahead;
mod bench;
mod cloud;
mod corpora;
mod ephemeral;
mod hand_over;
mod hosts;
mod imports;
mod later;
mod life;
mod lifecycle;
mod modules;
mod moves;
mod order;
mod pools;
mod protection;
mod reasons;
mod recovery;
mod refers;
mod targets;
mod time;
