//! The bars of the supervisor, measured through the real binary: `cargo bench -p shopctl --bench supervisor`.
//!
//! This program is also the fake ones: `supervisor flood LINES BYTES`, `supervisor listen PORT`.

#![cfg(target_os = "linux")]
#![expect(clippy::print_stdout, reason = "the figures are what this is for")]

mod flood;
mod life;
mod logs;
mod place;
mod row;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, lines, bytes] = &arguments[..]
        && mode == "flood"
    {
        // Whoever reads may have read enough.
        let _ = flood::write(lines.parse().expect("a number of lines"), bytes.parse().expect("a number of bytes"));
        return;
    }
    if let [mode, port] = &arguments[..]
        && mode == "listen"
    {
        return life::listen(port.parse().expect("a port"));
    }
    for row in life::rows().into_iter().chain(logs::rows()) {
        println!("{row}");
    }
}
