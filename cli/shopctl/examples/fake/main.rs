//! A small program that behaves, or misbehaves, as a test wants it: `fake MODE [ARGUMENT…]`.
//!
//! | mode | what it does |
//! |---|---|
//! | `listen PORT [MS]` | accepts connections and hangs up, after so many milliseconds |
//! | `slow PORT MS` | answers every HTTP request with 200, each after so many milliseconds |
//! | `mute PORT` | has the port, answers nobody: never ready for more than a TCP probe |
//! | `freeze PORT` | as `listen`, but stops itself (SIGSTOP) at once |
//! | `squat PORT` | ends with 1 at once and leaves the port to a child in a session of its own |
//! | `deaf PORT` | as `listen`, but ignores every signal that can be ignored |
//! | `escape PORT` | as `listen`, with a child that left group, session and environment behind and is deaf |
//! | `daemon PORT` | as `escape`, but the parent of the escaped has ended: it forked twice |
//! | `cling PORT` | as `daemon`, but the escaped still has the pipes of stdout and stderr |
//! | `storm PORT` | as `listen`, while lines of escaped children keep forking, each ending as the next one starts |
//! | `exit CODE [MS]` | ends, after so many milliseconds |
//! | `flood LINES` | writes so many numbered lines to stdout and to stderr, then ends |
//! | `garbage` | writes what is no text, the last of it without a newline, then ends |
//! | `descriptors PORT` | tells what it has open, one a line, then as `listen` |
//! | `haunt`, `beget`, `spark` | what the escaped are |
//!
//! The escaped have `FAKE_SHADOW` of their parent's environment on their command line, and nothing else to know them by.

mod serving;
mod shadows;
mod talking;

use std::{env, io, thread::sleep, time::Duration};

use nix::sys::signal::{SigSet, Signal, raise};

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let number = |n: usize| rest.get(n).and_then(|word| word.parse::<u32>().ok()).unwrap_or_default();
    let port = u16::try_from(number(0)).unwrap_or_default();
    let pause = Duration::from_millis(number(1).into());
    match mode.as_str() {
        "listen" => {
            sleep(pause);
            serving::listen(port)
        }
        "slow" => serving::answer(port, pause),
        "mute" => serving::keep_silent(port),
        "freeze" => {
            raise(Signal::SIGSTOP)?;
            serving::listen(port)
        }
        "squat" => shadows::squat(port),
        "deaf" => {
            be_deaf()?;
            serving::listen(port)
        }
        "escape" => {
            shadows::escape("haunt")?;
            serving::listen(port)
        }
        "daemon" => {
            shadows::escape("beget")?;
            serving::listen(port)
        }
        "cling" => {
            shadows::cling()?;
            serving::listen(port)
        }
        "storm" => shadows::storm(port),
        "exit" => {
            sleep(pause);
            std::process::exit(number(0).cast_signed())
        }
        "flood" => talking::flood(number(0)),
        "garbage" => talking::garbage(),
        "descriptors" => {
            talking::descriptors()?;
            serving::listen(port)
        }
        "haunt" => shadows::haunt(),
        "beget" => shadows::beget(&rest),
        "spark" => shadows::spark(&rest),
        other => Err(io::Error::other(format!("what is {other}?"))),
    }
}

fn be_deaf() -> io::Result<()> {
    let signals: SigSet = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT].into_iter().collect();
    Ok(signals.thread_block()?)
}
