//! The payment service as a process; what it is and what it must never depend on stands in its library.

use std::process::ExitCode;

fn main() -> ExitCode {
    kit::main::<payment::Payment>()
}
