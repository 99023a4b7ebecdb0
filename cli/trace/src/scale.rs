//! Moments on an axis. A trace may be idle for minutes, until a person pays or somebody tries again: such a time takes little
//! room, so that what happened before and after it can be seen.

use crate::{
    moment::{Stamp, Took},
    tree::Trace,
};

/// An idle time is shortened if it is longer than all work together.
const LONG: u64 = 1;

/// What is drawn true to scale, one piece behind the other, with a gap between two.
#[derive(Debug)]
pub(crate) struct Scale {
    pieces: Vec<Piece>,
    width: u64,
}

/// Moments and where they are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    from: u64,
    to: u64,
    left: u64,
    right: u64,
}

impl Scale {
    /// On an axis of `width` units, of which each gap takes `gap`.
    pub(crate) fn new(trace: &Trace, width: u64, gap: u64) -> Self {
        let busy = busy(trace);
        let worked: u64 = busy.iter().map(|(from, to)| to - from).sum();
        let mut spans: Vec<(u64, u64)> = Vec::new();
        for (from, to) in busy {
            match spans.last_mut() {
                Some(last) if from - last.1 <= worked.saturating_mul(LONG) => last.1 = to,
                Some(_) | None => spans.push((from, to)),
            }
        }
        // Where gaps would take half of the room, time is as long as it is.
        if gap * 2 * (spans.len() as u64).saturating_sub(1) > width {
            spans = spans.first().zip(spans.last()).map(|(first, last)| (first.0, last.1)).into_iter().collect();
        }
        let gaps = (spans.len() as u64).saturating_sub(1);
        let room = width.saturating_sub(gaps * gap);
        let whole: u64 = spans.iter().map(|(from, to)| to - from).sum();
        let (mut drawn, mut pieces) = (0, Vec::new());
        for (at, (from, to)) in spans.into_iter().enumerate() {
            let shift = at as u64 * gap;
            let left = part(drawn, whole, room) + shift;
            drawn += to - from;
            pieces.push(Piece { from, to, left, right: part(drawn, whole, room) + shift });
        }
        Self { pieces, width }
    }

    /// Where a moment is, from 0 to the width.
    pub(crate) fn place(&self, moment: Stamp) -> u64 {
        let behind = self.pieces.iter().find(|piece| moment.0 <= piece.to);
        let Some(Piece { from, to, left, right }) = behind.copied() else { return self.width };
        left + part(moment.0.saturating_sub(from), to - from, right - left)
    }

    /// Where each piece begins, and at which moment.
    pub(crate) fn begins(&self) -> impl Iterator<Item = (u64, Stamp)> {
        self.pieces.iter().map(|piece| (piece.left, Stamp(piece.from)))
    }

    /// Idle times that are shortened: where they are drawn, and how long they were.
    pub(crate) fn gaps(&self) -> impl Iterator<Item = (u64, u64, Took)> {
        self.pieces.windows(2).filter_map(|pair| match pair {
            [before, after] => Some((before.right, after.left, Took(after.from - before.to))),
            _ => None,
        })
    }
}

/// When anything was going on, time in queues included, by time.
fn busy(trace: &Trace) -> Vec<(u64, u64)> {
    let queued = |node: &crate::Node| node.queued.unwrap_or_default().0;
    let times = trace.spans.iter().map(|node| (node.span.start.0.saturating_sub(queued(node)), node.span.end.0));
    let mut times: Vec<(u64, u64)> = times.map(|(from, to)| (from, to.max(from))).collect();
    times.sort_unstable();
    let mut busy: Vec<(u64, u64)> = Vec::new();
    for (from, to) in times {
        match busy.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            Some(_) | None => busy.push((from, to)),
        }
    }
    busy
}

fn part(of: u64, whole: u64, room: u64) -> u64 {
    u64::try_from(u128::from(of) * u128::from(room) / u128::from(whole.max(1))).unwrap_or(room)
}
