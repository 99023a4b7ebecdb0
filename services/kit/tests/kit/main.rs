//! Kit's servers in a process of their own: under siege, and watched.

mod crowd;
mod dummy;
mod pool;
mod telemetry;
