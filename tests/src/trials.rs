//! Tests that run once on each kind of server, under `libtest-mimic`: where there is no such server, they are shown as
//! ignored, with the reason. Everything else is as with the ordinary harness: several filters, `--exact`, `--list`.

use std::{
    convert::Infallible,
    panic,
    pin::Pin,
    process::ExitCode,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use clap::{CommandFactory as _, FromArgMatches as _};
use libtest_mimic::{Arguments, Completion, Trial};

/// From when on a test that runs is named, as the ordinary harness does.
const LONG: Duration = Duration::from_secs(60);

/// What a test can run on.
pub trait Server: Copy + Send + 'static {
    /// All of them; each test is listed once for each.
    const ALL: &'static [Self];

    /// Under which the tests on this one are listed.
    fn name(self) -> &'static str;

    /// Asked when a test is about to run, so for each of them.
    ///
    /// # Errors
    /// Why there is none on this machine.
    fn available(self) -> Result<(), String>;
}

/// A test, which is told what to run on. See [`crate::cases!`].
pub struct Case<S> {
    pub module: &'static str,
    pub name: &'static str,
    pub run: fn(S) -> Pin<Box<dyn Future<Output = ()>>>,
}

/// A list of [`Case`]s, given the names of the functions.
#[macro_export]
macro_rules! cases {
    ($($case:ident),+ $(,)?) => {
        &[$($crate::trials::Case {
            module: module_path!(),
            name: stringify!($case),
            run: |server| Box::pin($case(server)),
        }),+]
    };
}

/// Runs those that the command line asks for.
#[must_use]
pub fn run<S: Server>(cases: &[&[Case<S>]]) -> ExitCode {
    let listed = |server: S| cases.iter().copied().flatten().map(move |case| trial(server, case));
    let trials = S::ALL.iter().flat_map(|&server| listed(server)).collect();
    let (arguments, trials) = asked(std::env::args_os(), trials);
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The library knows a single filter only; where there are more, one that fits is enough.
fn asked(
    command_line: impl IntoIterator<Item = impl Into<std::ffi::OsString> + Clone>,
    mut trials: Vec<Trial>,
) -> (Arguments, Vec<Trial>) {
    let command = Arguments::command().mut_arg("filter", |filter| filter.num_args(0..));
    let matches = command.get_matches_from(command_line);
    let mut arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let filters: Vec<String> = matches.get_many("filter").unwrap_or_default().cloned().collect();
    if filters.len() > 1 {
        let one = |filter: String| Arguments { filter: Some(filter), ..arguments.clone() };
        let filters: Vec<Arguments> = filters.into_iter().map(one).collect();
        trials.retain(|trial| filters.iter().any(|filter| !filter.is_filtered_out(trial)));
        arguments.filter = None;
    }
    (arguments, trials)
}

fn trial<S: Server>(server: S, case: &Case<S>) -> Trial {
    // The crate's name says nothing within it.
    let module = case.module.split_once("::").map_or("", |(_, module)| module);
    let name = [server.name(), module, case.name].into_iter().filter(|part| !part.is_empty());
    let (name, run) = (name.collect::<Vec<_>>().join("::"), case.run);
    Trial::ignorable_test(name.clone(), move || match server.available() {
        Ok(()) => {
            in_a_runtime(&name, move || run(server));
            Ok(Completion::Completed)
        }
        Err(reason) => Ok(Completion::ignored_with(reason)),
    })
}

/// On threads that bear the test's name, so that a panic tells it.
fn in_a_runtime(name: &str, run: impl FnOnce() -> Pin<Box<dyn Future<Output = ()>>> + Send + 'static) {
    let (running, ended) = mpsc::channel::<Infallible>();
    let runtime = tokio::runtime::Builder::new_multi_thread().thread_name(name).enable_all().build();
    let runtime = runtime.expect("a runtime can be built");
    let work = move || {
        let _running = running;
        runtime.block_on(run());
    };
    let thread = thread::Builder::new().name(name.to_owned()).spawn(work).expect("a thread can be started");
    if let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(LONG) {
        eprintln!("test {name} has been running for over {} seconds", LONG.as_secs());
    }
    if let Err(panicked) = thread.join() {
        panic::resume_unwind(panicked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(arguments: &[&str]) -> Vec<String> {
        let trials = ["one::a", "one::b", "two::a", "two::ab"].map(|name| Trial::test(name, || Ok(())));
        let command_line = ["program"].iter().chain(arguments);
        let (arguments, trials) = asked(command_line, trials.into());
        let kept = trials.iter().filter(|trial| !arguments.is_filtered_out(trial));
        kept.map(|trial| trial.name().to_owned()).collect()
    }

    #[test]
    fn a_test_runs_that_fits_one_of_the_filters() {
        assert_eq!(names(&[]).len(), 4);
        assert_eq!(names(&["one"]), ["one::a", "one::b"]);
        assert_eq!(names(&["one", "ab"]), ["one::a", "one::b", "two::ab"]);
        assert_eq!(names(&["--exact", "one::a", "two::a"]), ["one::a", "two::a"]);
        assert_eq!(names(&["one", "ab", "--skip", "one::b", "--test-threads", "1"]), ["one::a", "two::ab"]);
        assert!(names(&["three", "four"]).is_empty());
    }
}
