//! How a boot that failed is told to the user.

use shopctl_protocol::{BootOutcome, Cause};

use crate::{
    args::{Global, Up},
    exit::{Exit, Failure},
    lines::harmless,
};

/// What a failed boot comes to; nothing for one that did not fail.
pub(super) fn of(outcome: &BootOutcome, global: &Global, args: &Up) -> Option<Failure> {
    let instance = &global.instance;
    Some(match outcome {
        BootOutcome::Ready | BootOutcome::Interrupted { .. } => return None,
        BootOutcome::Failed { resource, why, causes: _ } => {
            let message = format!("the boot failed: {resource} {}", harmless(why));
            let hint = format!("`shopctl logs {resource} --instance {instance}` has all that it said");
            Failure::new(Exit::Resource, message).hint(hint)
        }
        BootOutcome::PortTaken { resource, port, why } => {
            let message = format!("the boot failed: {resource} wants port {port}, but {}", harmless(why));
            let hint = "stop that program, or run another instance: `shopctl up --instance NAME --isolated` \
                        (or `--port-offset N`)";
            Failure::new(Exit::Conflict, message).hint(hint)
        }
        BootOutcome::TimedOut { waiting } => {
            let names: Vec<&str> = waiting.iter().map(|cause| cause.resource.as_str()).collect();
            let timeout = humantime::format_duration(args.boot.timeout);
            let message = format!("not all was ready after {timeout}: {}", names.join(", "));
            Failure::new(Exit::TimedOut, message).hint("`--timeout` gives it more time")
        }
    })
}

/// The chain that led to it.
pub(super) fn causes(outcome: &BootOutcome) -> &[Cause] {
    match outcome {
        BootOutcome::Failed { causes, .. } => causes,
        BootOutcome::TimedOut { waiting } => waiting,
        BootOutcome::Ready | BootOutcome::PortTaken { .. } | BootOutcome::Interrupted { .. } => &[],
    }
}

/// That of a supervisor that was killed.
pub(super) fn killed() -> Failure {
    Failure::new(Exit::Failure, "the supervisor was killed; everything it ran is stopped")
        .hint("`shopctl up` starts again; the data are whole")
}

/// That of an instance that was stopped although nobody here asked for it.
pub(super) fn stopped(why: &str) -> Failure {
    Failure::new(Exit::Failure, format!("everything was stopped: {why}"))
}
