/// How far the pull of one image is, summed over its layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub phase: Phase,
    /// Layers that are known so far, and those that are complete (pulled now or here before).
    pub layers: usize,
    pub layers_done: usize,
    /// Bytes (compressed) of the layers whose size is known so far; both grow as the daemon tells of more.
    pub downloaded: u64,
    pub total: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The registry is asked.
    Waiting,
    Downloading,
    /// All is downloaded.
    Extracting,
    Done,
}
