//! A cluster is opened by servers of its own major only, and the server's words about it come too late and too terse.

use bollard::{models::ContainerInspectResponse, query_parameters::DownloadFromContainerOptionsBuilder};
use futures::TryStreamExt;

use super::{Container, Project};
use crate::{Error, compose::Service};

/// Of a file in a tar archive; what it holds comes behind.
const HEADER: usize = 512;

impl Project {
    /// Refuses a container that would start a PostgreSQL on the data of another major. Looks only where the image tells its
    /// major, as the official one does; volumes are readable before a container starts.
    pub(super) async fn check_major(
        &self,
        container: &Container,
        made: &ContainerInspectResponse,
        service: &Service,
    ) -> Result<(), Error> {
        let environment = made.config.as_ref().and_then(|config| config.env.as_deref()).unwrap_or_default();
        let variable = |name: &str| {
            environment.iter().find_map(|variable| variable.split_once('=').filter(|(n, _)| *n == name)).map(|(_, v)| v)
        };
        let (Some(wanted), Some(data)) = (variable("PG_MAJOR"), variable("PGDATA")) else { return Ok(()) };
        let Some(found) = self.read_file(&container.id, &format!("{data}/PG_VERSION")).await? else { return Ok(()) };
        let found = found.trim();
        if found.is_empty() || found == wanted {
            return Ok(());
        }
        let volume = service.volumes().into_iter().next().map(|volume| self.name(volume)).unwrap_or_default();
        Err(Error::PostgresMajor {
            resource: container.resource.clone(),
            volume,
            found: found.to_owned(),
            image: service.image.clone(),
            wanted: wanted.to_owned(),
        })
    }

    /// A small file of a container.
    async fn read_file(&self, container: &str, path: &str) -> Result<Option<String>, Error> {
        let options = DownloadFromContainerOptionsBuilder::default().path(path).build();
        let archive = self.daemon.docker.download_from_container(container, Some(options));
        let archive = archive.try_fold(Vec::new(), async |mut all, part| {
            all.extend_from_slice(&part);
            Ok(all)
        });
        Ok(self.daemon.ask_for("read", path, archive).await?.and_then(|archive| first_file(&archive)))
    }
}

fn first_file(archive: &[u8]) -> Option<String> {
    let size = archive.get(124..135).and_then(|octal| std::str::from_utf8(octal).ok())?;
    let size = usize::from_str_radix(size.trim_matches(['\0', ' ']), 8).ok()?;
    let content = archive.get(HEADER..HEADER.checked_add(size)?)?;
    String::from_utf8(content.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_file_of_an_archive_is_read() {
        let mut archive = vec![0; HEADER];
        archive[124..136].copy_from_slice(b"00000000003\0");
        archive.extend_from_slice(b"15\n");
        archive.resize(2 * HEADER, 0);
        assert_eq!(first_file(&archive).as_deref(), Some("15\n"));
        assert_eq!(first_file(&archive[..HEADER + 2]), None, "cut off");
        archive[124..136].copy_from_slice(b"77777777777\0");
        assert_eq!(first_file(&archive), None, "a size beyond the archive");
        assert_eq!(first_file(&[]), None);
    }
}
