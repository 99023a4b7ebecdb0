//! Looks for topics that come into being, and whether the broker is there.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rdkafka::consumer::StreamConsumer;
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use super::{
    LOOK, Topics, Update,
    source::{self, Item},
};
use crate::{
    Error,
    asker::{self, Asker},
    tail::Positions,
};

/// From then on a broker that says nothing is away.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct Watch {
    pub(super) asker: Asker,
    pub(super) consumer: Arc<StreamConsumer>,
    pub(super) topics: Topics,
    pub(super) known: BTreeSet<(String, i32)>,
    /// Partitions that came into being are read from their beginning.
    pub(super) found: mpsc::UnboundedSender<mpsc::Receiver<Item>>,
    pub(super) told: mpsc::Sender<Result<Update, Error>>,
}

impl Watch {
    /// Until nobody reads the feed any more.
    pub(super) async fn run(mut self) {
        self.until_nobody_reads().await;
        // It waits for the broker.
        tokio::task::spawn_blocking(|| drop(self.consumer));
    }

    async fn until_nobody_reads(&mut self) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (consumer, told) = (Arc::clone(&self.consumer), self.told.clone());
        let mut away = false;
        loop {
            tokio::select! {
                _ = look.tick() => {}
                // Records come by the queues of their partitions; here, only that the broker is away, and that is asked for.
                _ = consumer.recv() => continue,
                () = told.closed() => return,
            }
            let update = match self.look().await {
                Ok(()) if away => Update::Back,
                Ok(()) => continue,
                Err(_) if away => continue,
                Err(error) => Update::Away(error),
            };
            away = matches!(update, Update::Away(_));
            if told.send(Ok(update)).await.is_err() {
                return;
            }
        }
    }

    async fn look(&mut self) -> Result<(), Error> {
        let now = self.asker.ask(|asker| asker::all_partitions(asker, PATIENCE)).await?;
        let wanted = |(topic, _): &(String, i32)| match &self.topics {
            Topics::All => true,
            Topics::Only(names) => names.contains(topic),
        };
        let new: BTreeSet<(String, i32)> = now.difference(&self.known).filter(|place| wanted(place)).cloned().collect();
        if new.is_empty() {
            return Ok(());
        }
        let ranges = self.asker.ask(move |asker| asker::ranges(asker, &new)).await?;
        let begin: Positions = ranges.into_iter().map(|(place, (low, _))| (place, low)).collect();
        let opened = source::open(&self.consumer, &begin).map_err(|source| self.asker.unreachable(source))?;
        self.known.extend(begin.into_keys());
        for (_, items) in opened {
            // Whoever is gone needs none.
            let _ = self.found.send(items);
        }
        Ok(())
    }
}
