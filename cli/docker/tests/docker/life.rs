//! Containers come, are found again, and touch nobody else's.

use std::net::TcpListener;

use bollard::{
    models::{ContainerCreateBody, NetworkCreateRequest, VolumeCreateRequest},
    query_parameters::{CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder},
};
use futures::future;
use shopctl_docker::{
    Daemon, Error, compose,
    project::{Ending, Health, How, Report, Since},
};

use crate::support::{IMAGE, Site, Test, docker, free_port, published, shell};

pub(crate) const TESTS: &[Test] = &[
    ("what_fits_is_used_again_and_what_changed_made_anew", |daemon| Box::pin(reuse(daemon))),
    ("an_adopted_container_tells_what_it_wrote_since", |daemon| Box::pin(adoption(daemon))),
    ("what_does_not_start_any_more_is_made_anew", |daemon| Box::pin(broken(daemon))),
    ("what_is_not_ours_is_refused_and_left_alone", |daemon| Box::pin(foreign(daemon))),
    ("a_port_that_is_taken_is_named_with_its_holder", |daemon| Box::pin(port(daemon))),
    ("two_instances_do_not_touch_each_other", |daemon| Box::pin(two_instances(daemon))),
    ("resources_that_start_at_once_share_one_network", |daemon| Box::pin(race(daemon))),
    ("a_volume_of_another_postgres_is_refused_before_it_is_opened", |daemon| Box::pin(major(daemon))),
    ("an_image_that_is_not_here_is_said", |daemon| Box::pin(no_image(daemon))),
    ("the_shops_databases_become_healthy_and_stop_by_their_own_signal", |daemon| Box::pin(database(daemon))),
];

/// Counts its runs in its volume.
const COUNT: &str =
    "n=$(cat /data/n 2>/dev/null || echo 0); n=$((n+1)); echo $n > /data/n; echo run $n; exec sleep 1000";

async fn reuse(daemon: Daemon) {
    let site = Site::new(&daemon);
    let mut service = shell(COUNT);
    let (first, how) = site.obtain("one", &service).await;
    assert_eq!(how, How::Created);
    let attended = site.attend(&first, Since::Start);
    attended.said("run 1\n").await;
    let (second, how) = site.obtain("one", &service).await;
    assert_eq!((how, &second), (How::Adopted, &first));
    site.project.stop("one", None).await.expect("it stops");
    attended.ending().await;
    let (third, how) = site.obtain("one", &service).await;
    assert_eq!((how, &third.id), (How::Started, &first.id));
    let attended = site.attend(&third, Since::Start);
    attended.said("run 2\n").await;
    assert_eq!(attended.memory.past().stdout, "run 2\n", "the run before is another one");
    service.environment.insert("NEW".into(), "1".into());
    let (fourth, how) = site.obtain("one", &service).await;
    assert_eq!(how, How::Recreated);
    assert_ne!(fourth.id, first.id);
    site.attend(&fourth, Since::Start).said("run 3\n").await;
    let things = site.list().await;
    assert_eq!((things.containers.len(), things.networks.len(), things.volumes.len()), (1, 1, 1));
    site.project.remove_all(false).await.expect("it is removed");
    assert_eq!(site.list().await.volumes.len(), 1, "data stay unless they are to go");
    let (fifth, how) = site.obtain("one", &service).await;
    assert_eq!(how, How::Created);
    site.attend(&fifth, Since::Start).said("run 4\n").await;
    site.finish().await;
}

async fn adoption(daemon: Daemon) {
    let site = Site::new(&daemon);
    let service =
        shell("echo first; echo error >&2; until test -e /data/go; do sleep 0.05; done; echo second; exec sleep 1000");
    let (container, _) = site.obtain("one", &service).await;
    let attended = site.attend(&container, Since::Start);
    attended.said("first\n").await;
    attended.memory.until("error", |past| past.stderr == "error\n").await;
    drop(attended);
    let now = std::time::SystemTime::now();
    // Another process of the same instance.
    let project = shopctl_docker::project::Project::new(daemon.clone(), "test", site.folder.path());
    let found = project.obtain("one", &service, site.folder.path()).await.expect("it is there");
    assert_eq!((found.how, &found.container.id), (How::Adopted, &container.id));
    let attended = crate::support::attend(project, found.container, Since::Time(now));
    run(&container.id, "touch /data/go").await;
    attended.said("second\n").await;
    assert_eq!(attended.memory.past().stdout, "second\n");
    site.finish().await;
}

/// In a running container.
pub(crate) async fn run(container: &str, script: &str) {
    let config = bollard::exec::CreateExecOptions {
        cmd: Some(vec!["/bin/sh", "-c", script]),
        ..bollard::exec::CreateExecOptions::default()
    };
    let exec = docker().create_exec(container, config).await.expect("a command");
    let detach = bollard::exec::StartExecOptions { detach: true, ..bollard::exec::StartExecOptions::default() };
    docker().start_exec(&exec.id, Some(detach)).await.expect("it runs");
}

async fn broken(daemon: Daemon) {
    let site = Site::new(&daemon);
    let service = shell("exec sleep 1000");
    let (good, _) = site.obtain("one", &service).await;
    let found = docker().inspect_container(&good.id, None).await.expect("it is there");
    let options = RemoveContainerOptionsBuilder::default().force(true).build();
    docker().remove_container(&good.id, Some(options)).await.expect("it is removed");
    // One that says of itself that it is the same.
    let body = ContainerCreateBody {
        image: Some(IMAGE.into()),
        entrypoint: Some(vec!["/nonexistent".into()]),
        labels: found.config.and_then(|config| config.labels),
        host_config: found.host_config,
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptionsBuilder::default().name(&good.name).build();
    let bad = docker().create_container(Some(options), body).await.expect("a container").id;
    let (again, how) = site.obtain("one", &service).await;
    assert_eq!(how, How::Replaced);
    assert_ne!(again.id, bad);
    site.finish().await;
}

async fn foreign(daemon: Daemon) {
    let site = Site::new(&daemon);
    let service = shell("exec sleep 1000");
    let refused = async |kind: &str, name: &str| {
        let error = site.try_obtain("one", &service).await.expect_err(kind);
        assert_eq!(error.to_string(), format!("there is a {kind} {name} that is not of this instance"));
        assert!(error.hint().is_some_and(|hint| hint.contains(&format!("docker {kind} rm {name}"))));
    };
    let (docker, network, name, volume) =
        (docker(), site.project.network(), site.project.name("one"), site.project.name("data"));
    let request = NetworkCreateRequest { name: network.clone(), ..NetworkCreateRequest::default() };
    let id = docker.create_network(request).await.expect("a network").id;
    refused("network", &network).await;
    docker.remove_network(&id).await.expect("it was left alone");

    let request = VolumeCreateRequest { name: Some(volume.clone()), ..VolumeCreateRequest::default() };
    docker.create_volume(request).await.expect("a volume");
    refused("volume", &volume).await;
    docker
        .remove_volume(&volume, None::<bollard::query_parameters::RemoveVolumeOptions>)
        .await
        .expect("it was left alone");

    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    let body = ContainerCreateBody { image: Some(IMAGE.into()), ..ContainerCreateBody::default() };
    let id = docker.create_container(Some(options), body).await.expect("a container").id;
    refused("container", &name).await;
    assert!(matches!(site.project.stop("one", None).await, Err(Error::Foreign { .. })));
    site.project.remove_all(true).await.expect("there is nothing of its own");
    let options = RemoveContainerOptionsBuilder::default().v(true).build();
    docker.remove_container(&id, Some(options)).await.expect("it was left alone");
    site.finish().await;
}

async fn port(daemon: Daemon) {
    let (holder, site) = (Site::new(&daemon), Site::new(&daemon));
    let port = free_port();
    let service = compose::Service { ports: published(port), ..shell("exec sleep 1000") };
    let (container, _) = holder.obtain("one", &service).await;
    let taken = async |by: Option<String>| {
        let error = site.try_obtain("two", &service).await.expect_err("the port is taken");
        match error {
            Error::PortTaken { resource, port: at, container } => {
                assert_eq!((resource.as_str(), at, container), ("two", port, by));
            }
            error => panic!("{error}"),
        }
    };
    taken(Some(container.name.clone())).await;
    holder.finish().await;
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("it was let go of");
    taken(None).await;
    drop(listener);
    site.obtain("two", &service).await;
    site.finish().await;
}

async fn two_instances(daemon: Daemon) {
    let (one, two) = (Site::new(&daemon), Site::new(&daemon));
    let service = shell("exec sleep 1000");
    let (a, b) = future::join(one.obtain("same", &service), two.obtain("same", &service)).await;
    assert_ne!((&a.0.id, &a.0.name), (&b.0.id, &b.0.name));
    assert_eq!(one.project.stop_all(std::time::Duration::from_secs(5)).await.expect("it stops"), [a.0.name]);
    one.finish().await;
    let left = two.list().await;
    assert!(left.containers.iter().all(|container| container.running));
    assert_eq!((left.containers.len(), left.networks.len(), left.volumes.len()), (1, 1, 1));
    two.finish().await;
}

async fn race(daemon: Daemon) {
    let site = Site::new(&daemon);
    let service = shell("exec sleep 1000");
    let names = ["a", "b", "c", "d", "e", "f"];
    // All of them first: a panic in between would leave behind what the daemon still makes.
    for obtained in future::join_all(names.map(|name| site.try_obtain(name, &service))).await {
        obtained.unwrap_or_else(|error| panic!("{error}"));
    }
    let things = site.list().await;
    assert_eq!((things.containers.len(), things.networks.len(), things.volumes.len()), (6, 1, 1));
    let found = docker().inspect_network(&site.project.network(), None).await.expect("it is there");
    assert_eq!(found.containers.unwrap_or_default().len(), 6, "all are in the one that is left");
    site.finish().await;
}

async fn major(daemon: Daemon) {
    let site = Site::new(&daemon);
    let mut service = shell("echo 14 > /var/lib/postgresql/data/PG_VERSION; echo written; exec sleep 1000");
    service.mounts[0].target = "/var/lib/postgresql/data".into();
    let (container, _) = site.obtain("one", &service).await;
    site.attend(&container, Since::Start).said("written").await;
    let postgres = compose::Service { entrypoint: None, command: None, ..service };
    let error = site.try_obtain("one", &postgres).await.expect_err("another major");
    let volume = site.project.name("data");
    assert_eq!(
        error.to_string(),
        format!("volume {volume} was written by PostgreSQL 14, and {IMAGE} is PostgreSQL 15")
    );
    assert!(
        error.hint().is_some_and(|hint| hint.contains("--image one=postgres:14") && hint.contains("down --volumes"))
    );
    assert!(site.list().await.containers.is_empty(), "what was refused is not left over");
    site.finish().await;
}

async fn no_image(daemon: Daemon) {
    let site = Site::new(&daemon);
    let service = compose::Service::of_image("shopctl-test/none:0".into());
    let error = site.try_obtain("one", &service).await.expect_err("no image");
    assert_eq!(error.to_string(), "image shopctl-test/none:0 is not on this machine");
    site.finish().await;
}

async fn database(daemon: Daemon) {
    let site = Site::new(&daemon);
    let port = free_port();
    let lookup = |name: &str| match name {
        "POSTGRES_IMAGE" => Some(IMAGE.to_owned()),
        "ORDER_DB_PORT" => Some(port.to_string()),
        _ => None,
    };
    let text = include_str!("../../../../compose/infra.yaml");
    let file = compose::parse("infra.yaml", text, lookup).unwrap_or_else(|error| panic!("{error}"));
    let service = &file.services["order_db"];
    let (container, _) = site.obtain("order_db", service).await;
    let attended = site.attend(&container, Since::Start);
    attended.reported(&Report::Health(Health::Healthy)).await;
    tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("its port is published");
    site.project.stop("order_db", None).await.expect("it stops");
    assert_eq!(attended.ending().await, Ending::Killed { signal: "SIGINT".into() });
    site.finish().await;
}
