//! The same process with failpoints in it, under a name of its own: a test may build it beside the real one.

use std::process::ExitCode;

fn main() -> ExitCode {
    kit::main::<product::Service>()
}
