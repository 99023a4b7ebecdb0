//! `shopctl internal images`: makes sure that the images of an instance's containers are here.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use anyhow::Context as _;
use shopctl_core::{Graph, manifest::Kind};
use shopctl_docker::image::{self, Phase, Progress};

use crate::{args::Global, containers, exit::Exit, printer, progress::Meter, running};

pub(crate) async fn run(global: &Global) -> anyhow::Result<Exit> {
    let instance = running::instance(global)?;
    let (plan, manifest) = running::plan(&instance)?;
    let compose = plan.compose.as_ref().context("this instance runs without containers")?;
    let services = containers::services(compose)?;
    let graph = Graph::new(&manifest, &plan.options())?;
    let nodes = graph.ids().map(|id| graph.node(id)).filter(|node| node.kind == Kind::Container);
    let images: Vec<String> = nodes.filter_map(|node| Some(services.get(&node.name)?.image.clone())).collect();
    let project = containers::project(&instance).await?;
    project.ensure_network().await.map_err(containers::failed)?;
    let missing = image::missing(project.daemon(), &images).await.map_err(containers::failed)?;
    if missing.is_empty() {
        return Ok(Exit::Success);
    }
    printer::note(format_args!("pulling {}", missing.join(", ")));
    let meters = Mutex::new(BTreeMap::new());
    let show = |image: &str, progress: &Progress| {
        let total = (progress.total > 0).then_some(progress.total / 1024);
        let mut meters = meters.lock().unwrap_or_else(PoisonError::into_inner);
        let meter = meters.entry(image.to_owned()).or_insert_with(|| Meter::of_part("KiB", short(image, &missing)));
        meter.set(progress.downloaded / 1024, total, &told(progress));
    };
    let credentials = containers::credentials();
    let Err(errors) = image::pull(project.daemon(), &missing, &credentials, &show).await else {
        return Ok(Exit::Success);
    };
    drop(meters);
    let mut errors = errors.into_iter().map(containers::failed);
    // The last one is told by whoever called us.
    let first = errors.next().context("a pull failed without a reason")?;
    for error in errors {
        printer::error(&error.into(), None);
    }
    Err(first.into())
}

/// The last part of an image's name, unless another one has the same.
fn short<'a>(image: &'a str, all: &[String]) -> &'a str {
    let last = |image: &'a str| image.rsplit('/').next().unwrap_or(image);
    let alike = all.iter().filter(|other| other.rsplit('/').next() == Some(last(image))).count();
    if alike > 1 { image } else { last(image) }
}

fn told(progress: &Progress) -> String {
    let layers = format!("{} of {} layers", progress.layers_done, progress.layers);
    match progress.phase {
        Phase::Waiting => "asks the registry".to_owned(),
        Phase::Downloading => layers,
        Phase::Extracting => format!("{layers}, unpacking"),
        Phase::Done => "done".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_bears_the_short_name_of_an_image_if_that_is_its_alone() {
        let all = ["postgres:17", "docker.elastic.co/elasticsearch/elasticsearch:9", "a.example/x:1", "b.example/x:1"];
        let all = all.map(str::to_owned);
        let shown: Vec<&str> = all.iter().map(|image| short(image, &all)).collect();
        assert_eq!(shown, ["postgres:17", "elasticsearch:9", "a.example/x:1", "b.example/x:1"]);
    }
}
