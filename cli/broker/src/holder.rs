//! Who listens on a port, as far as Linux tells: the socket's inode in `/proc/net/tcp*`, then whose file it is.

use std::fs;

/// "process 123 (name)", or less where that cannot be seen.
pub(crate) fn of(port: u16) -> String {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let inode = tables.iter().find_map(|table| listening(&fs::read_to_string(table).ok()?, port));
    let holder = inode.and_then(|inode| process(&inode));
    holder.unwrap_or_else(|| "another process".to_owned())
}

/// The inode of the socket that listens on the port.
fn listening(table: &str, port: u16) -> Option<String> {
    const LISTEN: &str = "0A";
    let port = format!(":{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let fields = line.split_whitespace().collect::<Vec<_>>();
        let matches = fields.get(1)?.ends_with(&port) && *fields.get(3)? == LISTEN;
        matches.then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
    })
}

fn process(inode: &str) -> Option<String> {
    let socket = format!("socket:[{inode}]");
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) else { continue };
        let Ok(files) = fs::read_dir(entry.path().join("fd")) else { continue };
        let holds =
            files.flatten().any(|file| fs::read_link(file.path()).is_ok_and(|target| target.to_str() == Some(&socket)));
        if holds {
            let command = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            return Some(format!("process {pid} ({})", command.trim()));
        }
    }
    None
}
