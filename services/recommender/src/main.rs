//! The recommender service's binary: see the library beside it. It must never hold more than this.

use std::process::ExitCode;

fn main() -> ExitCode {
    kit::main::<recommender::Service>()
}
