//! What is in the way, and what must not get into anybody else's.

use serde_json::Value;
use testkit::{
    cases,
    docker::{Container, Spec},
    trials::Case,
};

use crate::{
    Docker,
    containers::{PART, up},
    instance::{Instance, docker},
};

pub(crate) const CASES: &[Case<Docker>] = cases![
    a_port_that_another_container_has_is_told_with_its_name,
    what_is_not_ours_is_refused_and_left_alone,
    two_instances_boot_at_once_and_end_apart,
    a_volume_of_another_postgresql_is_refused_with_the_way_out,
    an_image_that_is_not_here_and_cannot_be_pulled_is_told,
    what_has_lost_its_folder_of_state_is_pruned,
];

const POSTGRES: &str = "shopctl-test/postgres:15";
const NEWER_POSTGRES: &str = "shopctl-test/postgres:17";

async fn a_port_that_another_container_has_is_told_with_its_name(_: Docker) {
    let instance = Instance::new("port");
    up(&instance, &[PART]);
    let port = instance.status(PART)["ports"]["sql"].as_u64().and_then(|port| u16::try_from(port).ok());
    instance.succeeds(&["down"]);
    let spec = Spec { published: port, ..Spec::new(POSTGRES, 5432).env("POSTGRES_PASSWORD", "x") };
    let holder = Container::start(&spec);
    let name = docker(&["inspect", "--format", "{{.Name}}", holder.id()]);
    let said = instance.fails(5, &["up", "--detach", PART]);
    assert!(said.contains(&format!("which the container {} has", name.trim().trim_start_matches('/'))), "{said}");
    assert!(holder.runs(), "it was left alone");
    drop(holder);
    up(&instance, &[PART]);
    instance.finish();
}

async fn what_is_not_ours_is_refused_and_left_alone(_: Docker) {
    let instance = Instance::new("foreign");
    up(&instance, &[PART]);
    let name = docker(&["inspect", "--format", "{{.Name}}", &instance.container(PART)]);
    let name = name.trim().trim_start_matches('/');
    instance.succeeds(&["down", "--volumes"]);
    for (kind, make, remove) in [
        ("container", vec!["create", "--name", name, POSTGRES], vec!["rm", "-v", name]),
        ("volume", vec!["volume", "create", name], vec!["volume", "rm", name]),
    ] {
        docker(&make);
        let said = instance.fails(5, &["up", "--infra", "docker", "--isolated", "--detach", PART]);
        assert!(said.contains(&format!("there is a {kind} {name} that is not of this instance")), "{said}");
        assert!(said.contains(&format!("docker {kind} rm {name}")), "{said}");
        instance.succeeds(&["down", "--volumes"]);
        // It was left alone: it can be removed.
        docker(&remove);
    }
    up(&instance, &[PART]);
    instance.finish();
}

async fn two_instances_boot_at_once_and_end_apart(_: Docker) {
    let (one, two) = (Instance::new("one"), Instance::new("two"));
    std::thread::scope(|scope| {
        scope.spawn(|| up(&one, &[PART]));
        scope.spawn(|| up(&two, &[PART]));
    });
    let container = two.container(PART);
    assert_ne!(one.container(PART), container);
    assert_ne!(one.status(PART)["ports"], two.status(PART)["ports"]);
    one.finish();
    assert_eq!((two.container(PART), &two.status(PART)["ready"]), (container, &Value::Bool(true)));
    two.finish();
}

async fn a_volume_of_another_postgresql_is_refused_with_the_way_out(_: Docker) {
    let instance = Instance::new("major");
    up(&instance, &[PART]);
    instance.succeeds(&["down"]);
    let newer = format!("{PART}={NEWER_POSTGRES}");
    let said = instance.fails(3, &["up", "--detach", PART, "--image", &newer]);
    assert!(said.contains(&format!("was written by PostgreSQL 15, and {NEWER_POSTGRES} is PostgreSQL 17")), "{said}");
    assert!(said.contains(&format!("--image {PART}=postgres:15")) && said.contains("down --volumes"), "{said}");
    up(&instance, &[PART]);
    instance.succeeds(&["down", "--volumes"]);
    up(&instance, &[PART, "--image", &newer]);
    instance.finish();
}

async fn an_image_that_is_not_here_and_cannot_be_pulled_is_told(_: Docker) {
    let nobody = testkit::port::Port::reserve();
    let image = format!("{}/none:1", nobody.address());
    let instance = Instance::new("image");
    let arguments = ["--isolated", "--detach", PART, "--image", &format!("{PART}={image}")];
    let said = instance.fails(3, &[&["up", "--infra", "docker"], &arguments[..]].concat());
    assert!(said.contains(&format!("image {image} cannot be pulled: its registry is not reached")), "{said}");
    assert!(said.contains("--image RESOURCE=IMAGE") && said.contains("--infra embedded"), "{said}");
    assert_eq!(instance.has(&["ps", "-a"]), [""; 0]);
    // As the hint says: there are no data that it would leave behind.
    instance.succeeds(&["up", "--infra", "embedded", "--detach", PART]);
    assert_eq!(instance.has(&["network", "ls"]), [""; 0]);
    instance.finish();
}

async fn what_has_lost_its_folder_of_state_is_pruned(_: Docker) {
    let (instance, other) = (Instance::new("lost"), Instance::new("kept"));
    up(&instance, &[PART]);
    up(&other, &[PART]);
    instance.succeeds(&["down"]);
    assert_eq!(instance.has(&["volume", "ls"]).len(), 1);
    instance.forget();
    let pruned: Value = serde_json::from_str(&other.json(&["prune", "--yes"])).expect("it answers in JSON");
    let pruned = pruned.as_array().expect("a list").iter().find(|one| one["instance"] == instance.name());
    assert_eq!(pruned.expect("it was found")["volumes"], 1);
    assert_eq!(instance.has(&["volume", "ls"]), [""; 0]);
    assert_eq!(other.status(PART)["ready"], true, "what runs is left alone");
    other.finish();
}
