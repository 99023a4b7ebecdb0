//! Why a broker does not start.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Why a broker does not start, or stops.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process listens there.
    #[error("address {address} is taken by {holder}")]
    AddressTaken {
        /// Where the broker was to listen.
        address: SocketAddr,
        /// Who listens there, as far as can be seen.
        holder: String,
    },
    /// The address cannot be listened on for another reason.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where the broker was to listen.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Another broker has this data directory open.
    #[error("data directory {} is in use by another broker", .0.display())]
    DataInUse(PathBuf),
    /// The data were written by another version of the broker.
    #[error("data directory {} has format {found}, this broker reads {known}", path.display())]
    Format {
        /// The data directory.
        path: PathBuf,
        /// The format of the data.
        found: u32,
        /// The only format that this broker reads.
        known: u32,
    },
    /// A file or directory cannot be used.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::AddressTaken { address, .. } => {
                Some(format!("stop it, or choose another port: --listen {}:0 takes a free one", address.ip()))
            }
            Self::Listen { .. } => Some("--listen wants an address of this machine, such as 127.0.0.1:9092".to_owned()),
            Self::DataInUse(_) => Some("stop the other broker, or choose another --data".to_owned()),
            Self::Format { .. } => Some("use the version that wrote them, or another --data".to_owned()),
            Self::Io { .. } => None,
        }
    }
}
