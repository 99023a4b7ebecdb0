//! The parts of an image's name.

/// As config.json calls Docker's own registry.
pub(super) const HUB: &str = "https://index.docker.io/v1/";

/// The registry as config.json calls it: `ghcr.io`, `127.0.0.1:5000`, or that of Docker.
pub(super) fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some(("docker.io" | "index.docker.io", _)) => HUB,
        Some((host, _)) if host == "localhost" || host.contains(['.', ':']) => host,
        Some(_) | None => HUB,
    }
}

/// With `latest`, if it has neither tag nor digest.
pub(super) fn with_tag(image: &str) -> String {
    let name = image.rsplit('/').next().unwrap_or_default();
    if name.contains([':', '@']) { image.to_owned() } else { format!("{image}:latest") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_tells_its_registry_and_its_tag() {
        for (image, from, tagged) in [
            ("postgres", HUB, "postgres:latest"),
            ("postgres:17", HUB, "postgres:17"),
            ("apache/kafka:4", HUB, "apache/kafka:4"),
            ("docker.io/library/x", HUB, "docker.io/library/x:latest"),
            ("localhost/x", "localhost", "localhost/x:latest"),
            ("127.0.0.1:5000/x", "127.0.0.1:5000", "127.0.0.1:5000/x:latest"),
            ("docker.elastic.co/es/es:9", "docker.elastic.co", "docker.elastic.co/es/es:9"),
            ("ghcr.io/x@sha256:0", "ghcr.io", "ghcr.io/x@sha256:0"),
        ] {
            assert_eq!((registry(image), with_tag(image).as_str()), (from, tagged), "{image}");
        }
    }
}
