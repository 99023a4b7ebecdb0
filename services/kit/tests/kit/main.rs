//! Kit's servers in a process of their own, under siege.

mod crowd;
mod dummy;
