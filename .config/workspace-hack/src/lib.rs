//! Nothing of its own: its dependency table gives every selection of packages (`-p order`, `--workspace`) the same
//! features of third-party crates, so that none is compiled twice. Written by `cargo hakari generate`.
