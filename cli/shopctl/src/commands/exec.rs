//! `shopctl exec`: a program with what a resource runs with, or in its container.

use std::{
    convert::Infallible,
    ffi::OsString,
    io::{self, IsTerminal as _},
    os::unix::process::CommandExt as _,
    process::Command,
};

use anyhow::Context as _;
use shopctl_core::manifest::Kind;
use shopctl_docker::project::Project;

use crate::{
    args::{Exec, Global},
    client, containers,
    exit::Exit,
    running,
};

pub(crate) async fn run(global: &Global, args: &Exec) -> anyhow::Result<Exit> {
    // Also says whether it runs.
    drop(running::connect(global).await?);
    let (plan, manifest) = running::plan(&running::instance(global)?)?;
    let Some(resource) = manifest.resources.get(&args.resource) else {
        return Err(running::unknown(&args.resource, manifest.resources.keys()).into());
    };
    if resource.kind == Kind::Container {
        let project = containers::project(&running::instance(global)?).await?;
        match become_it(in_container(&project, &args.resource, &args.command))? {}
    }
    let variables = client::environment(global, &args.resource).await?;
    // None of the markers of a process of the instance: stopping that is to leave this one alone.
    let (program, arguments) = args.command.split_first().context("there is nothing to run")?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(plan.workspace.join(&resource.dir)).envs(variables);
    match become_it(command)? {}
}

/// The docker command, at the instance's daemon: terminals are its trade.
fn in_container(project: &Project, resource: &str, words: &[OsString]) -> Command {
    let mut command = Command::new("docker");
    command.args(["--host", &project.daemon().endpoint().url, "exec", "--interactive"]);
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        command.arg("--tty");
    }
    command.arg(project.name(resource)).args(words);
    command
}

/// Replaces this process: terminal, signals, exit code, and the signal that it dies of are the program's own.
pub(super) fn become_it(mut command: Command) -> anyhow::Result<Infallible> {
    let error = command.exec();
    Err(error).with_context(|| format!("cannot run {}", command.get_program().to_string_lossy()))
}
