use std::collections::BTreeMap;

use bollard::models::CreateImageInfo;

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
    /// The registry is asked, or other pulls have to be over first.
    Waiting,
    Downloading,
    /// All is downloaded.
    Extracting,
    Done,
}

#[derive(Debug, Default)]
struct Layer {
    downloaded: u64,
    total: u64,
    state: State,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    #[default]
    Downloading,
    Downloaded,
    Complete,
}

/// Adds up what the daemon tells of each layer.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    layers: BTreeMap<String, Layer>,
}

impl Tracker {
    /// Whether anything changed.
    pub(super) fn take(&mut self, news: &CreateImageInfo) -> bool {
        let (Some(id), Some(status)) = (&news.id, &news.status) else { return false };
        let number = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
        let state = match status.as_str() {
            "Pulling fs layer" | "Waiting" | "Downloading" => State::Downloading,
            "Verifying Checksum" | "Download complete" | "Extracting" => State::Downloaded,
            "Pull complete" | "Already exists" => State::Complete,
            // The first line names the image, with its tag as id; "Retrying in 1 second" says nothing about bytes.
            _ => return false,
        };
        let layer = self.layers.entry(id.clone()).or_default();
        layer.state = state;
        match (status.as_str(), &news.progress_detail) {
            ("Downloading", Some(detail)) => {
                // A registry that does not tell the size has none, or -1.
                let downloaded = number(detail.current);
                (layer.downloaded, layer.total) = (downloaded, number(detail.total).max(downloaded));
            }
            _ if state > State::Downloading => layer.downloaded = layer.total,
            _ => {}
        }
        true
    }

    pub(super) fn progress(&self) -> Progress {
        let layers = self.layers.values();
        let phase = match layers.clone().map(|layer| layer.state).min() {
            // The daemon tells of the layers that were here before long before it tells of the others.
            None | Some(State::Complete) if layers.clone().all(|layer| layer.total == 0) => Phase::Waiting,
            Some(State::Downloading) => Phase::Downloading,
            None | Some(State::Downloaded | State::Complete) => Phase::Extracting,
        };
        Progress {
            phase,
            layers: self.layers.len(),
            layers_done: layers.clone().filter(|layer| layer.state == State::Complete).count(),
            downloaded: layers.clone().map(|layer| layer.downloaded).sum(),
            total: layers.map(|layer| layer.total).sum(),
        }
    }

    /// All of it is there.
    pub(super) fn done(&self) -> Progress {
        let progress = self.progress();
        Progress { phase: Phase::Done, layers_done: progress.layers, downloaded: progress.total, ..progress }
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::ProgressDetail;

    use super::*;

    #[test]
    fn layers_add_up_to_their_image() {
        let mut tracker = Tracker::default();
        let mut say = |id: &str, status: &str, detail: Option<(i64, i64)>| {
            let progress_detail =
                detail.map(|(current, total)| ProgressDetail { current: Some(current), total: Some(total) });
            tracker.take(&CreateImageInfo {
                id: (!id.is_empty()).then(|| id.to_owned()),
                status: Some(status.into()),
                progress_detail,
                ..CreateImageInfo::default()
            });
            let Progress { phase, layers, layers_done, downloaded, total } = tracker.progress();
            (phase, layers, layers_done, downloaded, total)
        };
        assert_eq!(say("17", "Pulling from library/postgres", None), (Phase::Waiting, 0, 0, 0, 0));
        assert_eq!(say("a", "Already exists", None), (Phase::Waiting, 1, 1, 0, 0));
        assert_eq!(say("b", "Pulling fs layer", None), (Phase::Downloading, 2, 1, 0, 0));
        assert_eq!(say("c", "Pulling fs layer", None), (Phase::Downloading, 3, 1, 0, 0));
        assert_eq!(say("b", "Downloading", Some((10, 100))), (Phase::Downloading, 3, 1, 10, 100));
        assert_eq!(say("c", "Downloading", Some((5, -1))), (Phase::Downloading, 3, 1, 15, 105));
        assert_eq!(say("b", "Retrying in 1 second", None), (Phase::Downloading, 3, 1, 15, 105));
        assert_eq!(say("b", "Download complete", None), (Phase::Downloading, 3, 1, 105, 105));
        assert_eq!(say("c", "Download complete", None), (Phase::Extracting, 3, 1, 105, 105));
        assert_eq!(say("b", "Extracting", Some((1, 7))), (Phase::Extracting, 3, 1, 105, 105));
        assert_eq!(say("b", "Pull complete", None), (Phase::Extracting, 3, 2, 105, 105));
        assert_eq!(say("", "Digest: sha256:0", None), (Phase::Extracting, 3, 2, 105, 105));
        let done = tracker.done();
        assert_eq!((done.phase, done.layers_done, done.downloaded), (Phase::Done, 3, 105));
    }
}
