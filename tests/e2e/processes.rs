//! Processes of this machine, by what stands in their environment.

use std::{
    collections::HashSet,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Pids of all processes that have this entry in their environment.
pub(crate) fn marked(entry: &str) -> Vec<u32> {
    let has = |pid: &u32| {
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|environment| environment.split(|&byte| byte == 0).any(|found| found == entry.as_bytes()))
    };
    let entries = fs::read_dir("/proc").expect("there is a /proc").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(has).collect()
}

/// Where these processes listen for TCP connections.
pub(crate) fn listeners(pids: &[u32]) -> Vec<(IpAddr, u16)> {
    let own: HashSet<String> = pids.iter().flat_map(|&pid| sockets(pid)).collect();
    let mut found = Vec::new();
    for file in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let table = fs::read_to_string(file).unwrap_or_default();
        for line in table.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [_, local, _, state, ..] = fields.as_slice() else { continue };
            // LISTEN
            if *state == "0A" && fields.get(9).is_some_and(|inode| own.contains(*inode)) {
                found.push(address(local));
            }
        }
    }
    found
}

/// Inodes of a process's sockets.
fn sockets(pid: u32) -> Vec<String> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let links = files.filter_map(|file| fs::read_link(file.path()).ok());
    links.filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())).collect()
}

/// `0100007F:1F90`: words of the machine's own byte order, then the port.
fn address(text: &str) -> (IpAddr, u16) {
    let (host, port) = text.split_once(':').expect("a host and a port");
    let word = |digits: &str| u32::from_str_radix(digits, 16).expect("hexadecimal digits").to_ne_bytes();
    let bytes: Vec<u8> = (0..host.len() / 8).flat_map(|n| word(&host[n * 8..n * 8 + 8])).collect();
    let host = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => IpAddr::V4(Ipv4Addr::from(four)),
        Err(_) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).expect("four words"))),
    };
    (host, u16::from_str_radix(port, 16).expect("hexadecimal digits"))
}
