use std::{net::IpAddr, time::Duration};

use proptest::prelude::*;

use super::*;

const INFRA: &str = include_str!("../../../../compose/infra.yaml");

fn lookup(name: &str) -> Option<String> {
    (name == "SET").then(|| "value".to_owned())
}

fn read(text: &str) -> Result<File, Error> {
    parse("infra.yaml", text, lookup)
}

/// One service from the lines below its name.
fn service(lines: &str) -> Service {
    let text = format!("services:\n  one:\n    image: x:1\n{lines}volumes: {{data: , other: }}\n");
    read(&text).unwrap_or_else(|error| panic!("{error}\n{text}")).services.remove("one").expect("it was read")
}

fn refused(lines: &str) -> (String, Option<String>) {
    let text = format!("services:\n  one:\n    image: x:1\n{lines}");
    let error = read(&text).expect_err(&text);
    (error.to_string(), error.hint())
}

#[test]
fn a_service_has_all_that_compose_says() {
    let service = service(
        r#"    command: postgres -c 'max connections=5' "$SET"
    entrypoint: [/bin/sh, -c]
    environment:
      A: ${SET}
      B: 5
      SET:
      GONE:
      TRUE: "true"
    healthcheck:
      test: [CMD, pg_isready, -q]
      interval: 1m30s
      retries: 3
      start_interval: 100ms
    tmpfs: /run:size=1m
    ulimits: {nofile: 1024, memlock: {soft: -1, hard: -1}}
    shm_size: 64mb
    mem_limit: 1g
    user: 1000:0
    hostname: h
    stop_signal: SIGINT
    stop_grace_period: 5s
"#,
    );
    assert_eq!(
        service.command.as_deref(),
        Some(["postgres", "-c", "max connections=5", "value"].map(String::from).as_slice())
    );
    assert_eq!(service.entrypoint.as_deref(), Some(["/bin/sh", "-c"].map(String::from).as_slice()));
    let environment: Vec<_> = service.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(environment, ["A=value", "B=5", "SET=value", "TRUE=true"], "GONE is handed down only where it is set");
    let check = service.healthcheck.expect("a check");
    assert_eq!(check.test, Test::Command(vec!["pg_isready".into(), "-q".into()]));
    assert_eq!((check.interval, check.retries), (Some(Duration::from_secs(90)), Some(3)));
    assert_eq!(check.start_interval, Some(Duration::from_millis(100)));
    assert_eq!(service.tmpfs.get("/run").map(String::as_str), Some("size=1m"));
    assert_eq!(service.ulimits["nofile"], Ulimit { soft: 1024, hard: 1024 });
    assert_eq!(service.ulimits["memlock"], Ulimit { soft: -1, hard: -1 });
    assert_eq!((service.shm_size, service.mem_limit), (Some(64 << 20), Some(1 << 30)));
    assert_eq!(service.user.as_deref(), Some("1000:0"));
    assert_eq!((service.hostname.as_deref(), service.stop_signal.as_deref()), (Some("h"), Some("SIGINT")));
    assert_eq!(service.stop_grace_period, Some(Duration::from_secs(5)));
}

#[test]
fn ports_are_on_loopback_whatever_their_form() {
    let ports = service(
        r#"    ports:
      - "5432:5433"
      - "127.0.0.1:80:81/udp"
      - "[::1]:1:2"
      - {target: 9, published: "8", host_ip: 127.0.0.2}
"#,
    )
    .ports;
    let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
    let expected = [
        Port { host_ip: ip("127.0.0.1"), host: 5432, container: 5433, protocol: Protocol::Tcp },
        Port { host_ip: ip("127.0.0.1"), host: 80, container: 81, protocol: Protocol::Udp },
        Port { host_ip: ip("::1"), host: 1, container: 2, protocol: Protocol::Tcp },
        Port { host_ip: ip("127.0.0.2"), host: 8, container: 9, protocol: Protocol::Tcp },
    ];
    assert_eq!(ports, expected);
    for port in
        ["\"0.0.0.0:1:2\"", "5432", "\"1-2:1-2\"", "\"0:1\"", "\"70000:1\"", "\"1:2/sctp\"", "\":1\"", "{target: 5}"]
    {
        let (error, _) = refused(&format!("    ports: [{port}]\n"));
        assert!(error.starts_with("infra.yaml line 4: service one: "), "{error}");
    }
}

#[test]
fn volumes_are_named_or_folders() {
    let service = service(
        r#"    volumes:
      - data:/data
      - ./conf:/conf:ro
      - {type: volume, source: other, target: /other, read_only: true}
      - {type: bind, source: /abs, target: /x}
"#,
    );
    let volume = |name: &str| Source::Volume(name.into());
    let bind = |path: &str| Source::Bind(path.into());
    let mount = |source, target: &str, read_only| Mount { source, target: target.into(), read_only };
    let expected = [
        mount(volume("data"), "/data", false),
        mount(bind("./conf"), "/conf", true),
        mount(volume("other"), "/other", true),
        mount(bind("/abs"), "/x", false),
    ];
    assert_eq!(service.mounts, expected);
    assert_eq!(service.volumes().into_iter().collect::<Vec<_>>(), ["data", "other"]);
    for bad in [
        "undeclared:/x",
        "/x",
        "data:x",
        "data:/x:z",
        "~/x:/x",
        "{type: tmpfs, target: /x}",
        "{type: bind, source: data, target: /x}",
    ] {
        let (error, _) = refused(&format!("    volumes: [\"{}\"]\n", bad).replace("\"{", "{").replace("}\"", "}"));
        assert!(error.starts_with("infra.yaml line 4: service one: "), "{error}");
    }
}

#[test]
fn every_form_of_a_test_is_known() {
    for (text, expected) in [
        ("test: curl -f x", Test::Shell("curl -f x".into())),
        ("test: [CMD-SHELL, curl -f x]", Test::Shell("curl -f x".into())),
        ("test: [CMD, curl]", Test::Command(vec!["curl".into()])),
        ("test: [NONE]", Test::None),
        ("disable: true", Test::None),
        ("interval: 1s", Test::Image),
    ] {
        let service = service(&format!("    healthcheck: {{{text}}}\n"));
        assert_eq!(service.healthcheck.expect("a check").test, expected, "{text}");
    }
    for text in ["test: []", "test: [CMD]", "test: [curl]", "disable: maybe", "retries: -1", "interval: 5"] {
        refused(&format!("    healthcheck: {{{text}}}\n"));
    }
}

#[test]
fn what_is_not_supported_is_refused_by_name_and_line() {
    for (lines, error, hint) in [
        ("    privileged: true\n", "service one: \"privileged\" is not supported here", "supported are command, "),
        (
            "    user: a\n    enviroment: {}\n",
            "service one: \"enviroment\" is not supported here",
            "did you mean \"environment\"?",
        ),
        (
            "    restart: always\n",
            "service one: \"restart\" is not supported here",
            "shopctl starts what has ended again",
        ),
        (
            "    healthcheck: {retrys: 3}\n",
            "service one: healthcheck: \"retrys\" is not supported here",
            "did you mean \"retries\"?",
        ),
        (
            "    ports: [{target: 1, publish: 2}]\n",
            "service one: port: \"publish\" is not supported here",
            "did you mean \"published\"?",
        ),
        ("volumes: {a: {driver: x}}\n", "volume a: \"driver\" is not supported here", ""),
        ("networks: {front: }\n", "network front: this network is not supported here", ""),
        ("configs: {}\n", "\"configs\" is not supported here", "supported are name, "),
    ] {
        let line = 3 + lines.lines().count();
        let (said, hinted) = refused(lines);
        assert_eq!(said, format!("infra.yaml line {line}: {error}"));
        assert!(hinted.unwrap_or_default().starts_with(hint), "{said}");
    }
}

#[test]
fn mistakes_are_told_with_their_line() {
    for (text, expected) in [
        ("", "line 1: it is empty"),
        ("services:\n  a:\n    image:\n", "line 3: service a: \"image\" must be text"),
        ("services:\n  a: {}\n", "line 2: service a: \"image\" is missing"),
        ("services:\n  a: {image: x}\n  a: {image: y}\n", "line 3: \"a\" stands twice, first in line 2"),
        (
            "services:\n  a:\n    image: ${NO}\n",
            "line 3: service a: \"image\": variable NO is not set and has no default",
        ),
        ("services:\n  a:\n    image: !reset x\n", "line 3: the tag !reset is not supported here"),
        (
            "services: {a: {image: x, environment: {B: yes}}}\n",
            "line 1: service a: B: yes wants quotes: docker compose takes it for no text",
        ),
        (
            "services: {a: {image: x, command: []}}\n",
            "line 1: service a: \"command\" is empty; leave it out to keep the image's own",
        ),
        (
            "services: {a: {image: x, shm_size: big}}\n",
            "line 1: service a: \"shm_size\": \"big\" is not a size such as 64mb",
        ),
        ("services: {}\n---\nservices: {}\n", "line 2: there is a second document"),
        ("a: &a [*a]\n", "line 1: an alias of itself"),
    ] {
        let error = read(text).expect_err(text);
        assert_eq!(error.to_string(), format!("infra.yaml {expected}"), "{text}");
    }
}

#[test]
fn anchors_and_merged_maps_count() {
    let text = "x-base: &base\n  image: x:1\n  environment: &env {A: \"1\", B: \"2\"}\n\
                services:\n  one:\n    <<: *base\n    environment: {<<: *env, B: \"3\"}\n  two: *base\n";
    let file = read(text).expect("a file");
    let of = |name: &str| file.services[name].environment.values().cloned().collect::<Vec<_>>();
    assert_eq!((of("one"), of("two")), (vec!["1".into(), "3".into()], vec!["1".into(), "2".into()]));
}

#[test]
fn a_file_that_explodes_or_digs_is_refused() {
    let mut bomb = "x-0: &a0 [1,1,1,1,1,1,1,1,1,1]\n".to_owned();
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(",");
        bomb.push_str(&format!("x-{level}: &a{level} [{aliases}]\n"));
    }
    assert!(read(&bomb).expect_err("a bomb").problem.contains("beyond all bounds"));
    assert!(read(&"[".repeat(100)).expect_err("a shaft").problem.contains("nested deeper"));
    read(&"[".repeat(100_000)).expect_err("a deep shaft");
}

#[test]
fn the_shops_own_file_is_read() {
    let file = parse("infra.yaml", INFRA, |_| None).unwrap_or_else(|error| panic!("{error}"));
    let names: Vec<&str> = file.services.keys().map(String::as_str).collect();
    assert_eq!(names, ["account_db", "kafka", "order_db", "payment_db", "product_db", "recommender_db"]);
    for (name, service) in &file.services {
        assert_eq!(service.ports.len(), 1, "{name}");
        assert!(service.healthcheck.is_some(), "{name}");
        assert_eq!(service.volumes().into_iter().collect::<Vec<_>>(), [name], "its data outlive it");
    }
    assert_eq!(file.volumes.len(), 6);
}

#[test]
fn its_ports_passwords_and_images_are_the_instances() {
    let set = |name: &str| match name {
        "ORDER_DB_PORT" => Some("15434".into()),
        "ORDER_DB_PASSWORD" => Some("s3$cret".into()),
        "KAFKA_PORT" => Some("19092".into()),
        "KAFKA_IMAGE" => Some("mine:1".into()),
        _ => None,
    };
    let file = parse("infra.yaml", INFRA, set).unwrap_or_else(|error| panic!("{error}"));
    let (order, kafka) = (&file.services["order_db"], &file.services["kafka"]);
    assert_eq!((order.ports[0].host, order.ports[0].container), (15434, 5432));
    assert_eq!(order.environment["POSTGRES_PASSWORD"], "s3$cret");
    assert_eq!((kafka.image.as_str(), kafka.ports[0].host), ("mine:1", 19092));
    let advertised = &kafka.environment["KAFKA_ADVERTISED_LISTENERS"];
    assert!(advertised.contains("127.0.0.1:19092"), "{advertised}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,200}") {
        let _ = read(&text);
    }

    #[test]
    fn no_mutation_of_a_real_file_makes_it_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..40_usize, "(?s)[-:\\[\\]{}$&*!|>'\"# \n\ta-z0-9é]{0,6}"), 1..8)
    ) {
        let mut text: Vec<char> = INFRA.chars().collect();
        for (at, length, new) in edits {
            let at = at.index(text.len() + 1);
            let end = (at + length).min(text.len());
            text.splice(at..end, new.chars());
        }
        let _ = read(&text.into_iter().collect::<String>());
    }
}
