//! A door before a server: while it is closed, the server is away for whoever comes through it.

use std::path::{Path, PathBuf};

use tokio::{
    net::{UnixListener, UnixStream},
    task::{JoinHandle, JoinSet},
};

/// A Unix socket that leads to another one. Its work is done by the runtime in which it is opened.
#[derive(Debug)]
pub struct Door {
    path: PathBuf,
    behind: PathBuf,
    open: Option<JoinHandle<()>>,
}

impl Door {
    /// An open one in `folder`, to the socket `behind` it.
    ///
    /// # Panics
    /// When the folder cannot be written.
    #[must_use]
    pub fn new(folder: &Path, behind: &Path) -> Self {
        let mut door = Self { path: folder.join("door.sock"), behind: behind.to_owned(), open: None };
        door.open();
        door
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens it again after [`Door::close`].
    ///
    /// # Panics
    /// When its folder cannot be written.
    pub fn open(&mut self) {
        // Closed, it has left its socket behind, as a server that was killed does.
        let _ = std::fs::remove_file(&self.path);
        let listener = UnixListener::bind(&self.path).expect("a socket can be made");
        let behind = self.behind.clone();
        self.open = Some(tokio::spawn(async move {
            // Dropped with this task, they end all that goes through.
            let mut connections = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let behind = behind.clone();
                connections.spawn(async move {
                    let mut server = UnixStream::connect(behind).await?;
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
            }
        }));
    }

    /// Breaks all that goes through it, and refuses whoever comes.
    ///
    /// # Panics
    /// When it is closed already.
    pub async fn close(&mut self) {
        let open = self.open.take().expect("it is open");
        open.abort();
        // It was told to stop: that is no failure.
        let _ = open.await;
    }
}
