//! Ports, volumes and tmpfs: the short forms in one text, and the long ones as maps.

use std::net::{IpAddr, Ipv4Addr};

use super::{
    Error, Mount, Port, Protocol, Source,
    document::{Kind, Node},
    scope::Scope,
};

const PORT: [&str; 4] = ["host_ip", "protocol", "published", "target"];
const MOUNT: [&str; 4] = ["read_only", "source", "target", "type"];

/// `[IP:]HOST:CONTAINER[/tcp|udp]`, or a map.
pub(super) fn port(scope: &Scope<'_>, node: &Node) -> Result<Port, Error> {
    let (mut host_ip, mut host, mut container, mut protocol) = (None, None, None, None);
    if let Kind::Map(pairs) = &node.kind {
        for (key, node) in pairs {
            let field = Some(scope.text(&key.name, node)?);
            match key.name.as_str() {
                "host_ip" => host_ip = field,
                "published" => host = field,
                "target" => container = field,
                "protocol" => protocol = field,
                _ => return Err(scope.at(format!("{}port: ", scope.place)).unknown(key, &PORT)),
            }
        }
    } else {
        let text = scope.text("ports", node)?;
        let (ports, after) = text.split_once('/').map_or((text.as_str(), None), |(ports, after)| (ports, Some(after)));
        protocol = after.map(str::to_owned);
        let mut parts = ports.rsplitn(3, ':').map(str::to_owned);
        (container, host, host_ip) = (parts.next(), parts.next(), parts.next());
    }
    let number =
        |side: &str, text: Option<String>| match text {
            Some(text) => text.parse().ok().filter(|port: &u16| *port != 0).ok_or_else(|| {
                scope.error(node.line, format!("{text:?} is not a port; ranges are not supported here"))
            }),
            None => Err(scope.error(node.line, format!("a port wants the one {side} said, as in \"5432:5432\""))),
        };
    let protocol = match protocol.as_deref() {
        None | Some("tcp") => Protocol::Tcp,
        Some("udp") => Protocol::Udp,
        Some(other) => return Err(scope.error(node.line, format!("{other:?} is not a protocol; tcp and udp are"))),
    };
    let host_ip = match host_ip {
        None => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Some(text) => {
            text.trim_start_matches('[').trim_end_matches(']').parse().ok().filter(IpAddr::is_loopback).ok_or_else(
                || {
                    scope.error(
                        node.line,
                        format!("{text} is not a loopback address; shopctl publishes no ports elsewhere"),
                    )
                },
            )?
        }
    };
    let (container, host) = (number("in the container", container)?, number("of the host", host)?);
    Ok(Port { host_ip, host, container, protocol })
}

/// `SOURCE:TARGET[:ro|rw]`, or a map.
pub(super) fn mount(scope: &Scope<'_>, node: &Node) -> Result<Mount, Error> {
    let (mut bind, mut source, mut target, mut read_only) = (None, None, None, false);
    if let Kind::Map(pairs) = &node.kind {
        for (key, node) in pairs {
            let field = key.name.as_str();
            match field {
                "type" => {
                    bind =
                        Some(scope.parsed(field, node, "supported here; volume and bind are", |text| match text {
                            "volume" => Some(false),
                            "bind" => Some(true),
                            _ => None,
                        })?);
                }
                "source" => source = Some(scope.text(field, node)?),
                "target" => target = Some(scope.text(field, node)?),
                "read_only" => read_only = scope.flag(field, node)?,
                _ => return Err(scope.at(format!("{}volume: ", scope.place)).unknown(key, &MOUNT)),
            }
        }
    } else {
        let text = scope.text("volumes", node)?;
        let mut parts = text.splitn(3, ':');
        (source, target) = (parts.next().map(str::to_owned), parts.next().map(str::to_owned));
        read_only = match parts.next() {
            None | Some("rw") => false,
            Some("ro") => true,
            Some(other) => {
                return Err(scope.error(node.line, format!("{other:?} is not supported here; ro and rw are")));
            }
        };
    }
    let (Some(source), Some(target)) = (source, target) else {
        return Err(
            scope.error(node.line, "a volume wants a source and a target: one without a name would be left over")
        );
    };
    if !target.starts_with('/') {
        return Err(scope.error(node.line, format!("the target {target:?} is not an absolute path")));
    }
    if source.is_empty() || source.starts_with('~') {
        return Err(scope.error(node.line, format!("{source:?} cannot be a volume's source")));
    }
    let path = source.starts_with(['/', '.']);
    match bind {
        Some(bind) if bind != path => {
            let wanted = if bind { "a path that begins with / or ." } else { "a name" };
            return Err(scope.error(node.line, format!("the source {source:?} must be {wanted}")));
        }
        Some(_) | None => {}
    }
    let source = if path { Source::Bind(source) } else { Source::Volume(source) };
    Ok(Mount { source, target, read_only })
}

/// `FOLDER[:OPTIONS]`
pub(super) fn tmpfs(scope: &Scope<'_>, line: usize, text: &str) -> Result<(String, String), Error> {
    let (folder, options) = text.split_once(':').unwrap_or((text, ""));
    if !folder.starts_with('/') {
        return Err(scope.error(line, format!("the tmpfs {folder:?} is not an absolute path")));
    }
    Ok((folder.to_owned(), options.to_owned()))
}
