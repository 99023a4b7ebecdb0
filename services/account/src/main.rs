//! The account service's program; everything is in the library beside it, so that tests can build it too.

use std::process::ExitCode;

fn main() -> ExitCode {
    kit::main::<account::Account>()
}
