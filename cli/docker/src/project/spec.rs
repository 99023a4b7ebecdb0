//! A service in Docker's words, and the hash that tells whether a container was made from it.

use std::{collections::HashMap, path::Path, time::Duration};

use bollard::models::{
    ContainerCreateBody, EndpointSettings, HealthConfig, HostConfig, HostConfigLogConfig, Mount, MountType,
    NetworkingConfig, PortBinding, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use sha2::{Digest, Sha256};

use super::{CONTENT, Project};
use crate::compose::{self, Healthcheck, Protocol, Service, Source, Test};

/// Changes whenever the same service becomes another container.
const FORMAT: u32 = 1;
/// The first API with `StartInterval`, of Docker 25.
const START_INTERVAL: (u32, u32) = (1, 44);

/// What a container is made from, beside the service.
pub(super) struct Site<'a> {
    pub(super) resource: &'a str,
    /// Where relative paths begin.
    pub(super) folder: &'a Path,
    pub(super) image: &'a str,
    pub(super) network: &'a str,
}

/// Hash of all that makes a difference. The network is not in it: it comes and goes with the containers.
pub(super) fn content(site: &Site<'_>, service: &Service) -> String {
    let folder = service.mounts.iter().any(|mount| matches!(mount.source, Source::Bind(_))).then_some(site.folder);
    let text = serde_json::to_vec(&(FORMAT, site.resource, folder, site.image, service)).unwrap_or_else(|error| {
        // Only a folder whose name is no UTF-8 has no JSON.
        format!("{FORMAT} {folder:?} {} {service:?} {error}", site.image).into_bytes()
    });
    hex::encode(Sha256::digest(text))
}

pub(super) fn body(project: &Project, site: &Site<'_>, service: &Service) -> ContainerCreateBody {
    let mut labels = project.labels(Some(site.resource));
    labels.insert(CONTENT.to_owned(), content(site, service));
    let aliases = EndpointSettings { aliases: Some(vec![site.resource.to_owned()]), ..EndpointSettings::default() };
    ContainerCreateBody {
        image: Some(site.image.to_owned()),
        entrypoint: service.entrypoint.clone(),
        cmd: service.command.clone(),
        env: Some(service.environment.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        user: service.user.clone(),
        hostname: service.hostname.clone(),
        stop_signal: service.stop_signal.clone(),
        stop_timeout: service.stop_grace_period.map(whole_seconds),
        healthcheck: service.healthcheck.as_ref().map(|check| health(project, check)),
        exposed_ports: Some(service.ports.iter().map(exposed).collect()),
        labels: Some(labels),
        host_config: Some(host(project, site, service)),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(site.network.to_owned(), aliases)])),
        }),
        ..ContainerCreateBody::default()
    }
}

fn host(project: &Project, site: &Site<'_>, service: &Service) -> HostConfig {
    let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
    for port in &service.ports {
        let binding = PortBinding { host_ip: Some(port.host_ip.to_string()), host_port: Some(port.host.to_string()) };
        bindings.entry(exposed(port)).or_default().get_or_insert_default().push(binding);
    }
    let ulimits = service.ulimits.iter().map(|(name, limit)| ResourcesUlimits {
        name: Some(name.clone()),
        soft: Some(limit.soft),
        hard: Some(limit.hard),
    });
    let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    HostConfig {
        // The supervisor starts what has ended again, and looks at it before it is removed.
        restart_policy: Some(RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None }),
        auto_remove: Some(false),
        network_mode: Some(site.network.to_owned()),
        port_bindings: Some(bindings),
        mounts: Some(service.mounts.iter().map(|mount| self::mount(project, site, mount)).collect()),
        tmpfs: Some(service.tmpfs.clone().into_iter().collect()),
        ulimits: Some(ulimits.collect()),
        shm_size: service.shm_size.map(bytes),
        memory: service.mem_limit.map(bytes),
        // Read from the stream at once; what stays is for `docker logs`, and must not grow without bound.
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".into()),
            config: Some([("max-size", "10m"), ("max-file", "2")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()),
        }),
        ..HostConfig::default()
    }
}

fn exposed(port: &compose::Port) -> String {
    let protocol = match port.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    };
    format!("{}/{protocol}", port.container)
}

fn mount(project: &Project, site: &Site<'_>, mount: &compose::Mount) -> Mount {
    let (typ, source) = match &mount.source {
        Source::Volume(name) => (MountType::VOLUME, project.name(name)),
        Source::Bind(path) => (MountType::BIND, site.folder.join(path).to_string_lossy().into_owned()),
    };
    Mount {
        typ: Some(typ),
        source: Some(source),
        target: Some(mount.target.clone()),
        read_only: Some(mount.read_only),
        ..Mount::default()
    }
}

fn health(project: &Project, check: &Healthcheck) -> HealthConfig {
    let nanoseconds = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    let test = match &check.test {
        Test::Image => None,
        Test::None => Some(vec!["NONE".to_owned()]),
        Test::Command(words) => Some([&["CMD".to_owned()], words.as_slice()].concat()),
        Test::Shell(line) => Some(vec!["CMD-SHELL".to_owned(), line.clone()]),
    };
    HealthConfig {
        test,
        interval: check.interval.map(nanoseconds),
        timeout: check.timeout.map(nanoseconds),
        retries: check.retries.map(i64::from),
        start_period: check.start_period.map(nanoseconds),
        // Older daemons refuse it.
        start_interval: check
            .start_interval
            .filter(|_| project.daemon.version().speaks(START_INTERVAL))
            .map(nanoseconds),
    }
}

fn whole_seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs() + u64::from(duration.subsec_nanos() > 0)).unwrap_or(i64::MAX)
}
