//! The product service as a program. It must never hold more than this: tests build the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    kit::main::<product::Service>()
}
