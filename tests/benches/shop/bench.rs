use anyhow::Context as _;
use tokio::sync::OnceCell;

use crate::{growth, instance::Instance, machine::Machine, options::Options, report::Report, row::Row, shop::Shop};

/// One run: the rows that were asked for, and the shop that they share.
pub(crate) struct Bench {
    pub(crate) options: Options,
    shop: OnceCell<(Shop, Instance)>,
}

impl Bench {
    pub(crate) fn new(options: Options) -> Self {
        Self { options, shop: OnceCell::new() }
    }

    pub(crate) async fn run(&self) -> anyhow::Result<()> {
        let wanted = |row: &Row| {
            let mut names = self.options.rows.iter();
            self.options.rows.is_empty() || names.any(|name| row.name().contains(name.as_str()))
        };
        let rows: Vec<Row> = Row::ALL.into_iter().filter(wanted).collect();
        anyhow::ensure!(!rows.is_empty(), "no row of that name; --list names them");
        let mut report = Report::begin(Machine::look()?);
        if self.options.list {
            return report.names(&rows);
        }
        let mut before = Vec::new();
        for row in rows {
            let measured = row.measure(self).await.with_context(|| failed(row))?;
            report.add(row, &measured)?;
            before.push((row, measured));
        }
        if self.options.growth {
            growth::grow(self.shop().await?).await?;
            let (last, first): (Vec<_>, Vec<_>) = before.into_iter().partition(|(row, _)| row.restarts());
            for (row, before) in first.into_iter().chain(last) {
                let after = row.measure_grown(self).await.with_context(|| failed(row))?;
                report.add(row, &growth::compared(&before, &after))?;
            }
        }
        report.end(self.options.json.as_deref())
    }

    /// The shop that the rows share, whole and seeded; booted when it is first asked for.
    pub(crate) async fn shop(&self) -> anyhow::Result<&Shop> {
        Ok(&self.booted().await?.0)
    }

    /// The instance of that shop.
    pub(crate) async fn shared(&self) -> anyhow::Result<&Instance> {
        Ok(&self.booted().await?.1)
    }

    async fn booted(&self) -> anyhow::Result<&(Shop, Instance)> {
        let boot = async || {
            let instance = self.instance("bench")?;
            let mut up = vec!["up", "--isolated", "--release", "--detach"];
            up.extend(self.options.env.iter().flat_map(|assignment| ["--env", assignment.as_str()]));
            instance.succeeds(&up).await?;
            let shop = Shop::connect(instance.json("env").await?, &instance.json("status").await?).await?;
            anyhow::Ok((shop, instance))
        };
        self.shop.get_or_try_init(boot).await
    }

    /// An instance that is not booted yet, which is removed with the value.
    pub(crate) fn instance(&self, name: &str) -> anyhow::Result<Instance> {
        Instance::new(name, self.options.bin_dir.as_deref())
    }
}

fn failed(row: Row) -> String {
    format!("row {} could not be measured", row.name())
}
