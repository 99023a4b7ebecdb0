//! Against the real daemon, where one answers and the stand-in images are there; else shown as ignored, with the reason.

mod away;
mod endings;
mod life;
mod pulls;
mod support;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use support::Setting;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let setting = support::block_on(Setting::find());
    let mut trials = away::trials(&setting);
    trials.extend(setting.trials(life::TESTS));
    trials.extend(setting.trials(endings::TESTS));
    trials.extend(pulls::trials(&setting));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Named by its function.
fn trial<F: Future<Output = ()> + 'static>(name: &str, test: impl FnOnce() -> F + Send + 'static) -> Trial {
    Trial::test(name, move || {
        support::block_on(test());
        Ok(())
    })
}
