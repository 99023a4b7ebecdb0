use crate::{
    bench::Bench, boot, checkout, events, figure::Measured, idle, logins, orders, products, recommendations, telemetry,
};

/// What is measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    Boot,
    Idle,
    Publish,
    Checkout,
    Login,
    Product,
    CreateOrder,
    Checkouts,
    Recommendations,
    Telemetry,
}

impl Row {
    /// In the order in which they are measured: what needs a quiet or a small shop comes first.
    pub(crate) const ALL: [Self; 10] = [
        Self::Boot,
        Self::Idle,
        Self::Publish,
        Self::Checkout,
        Self::Login,
        Self::Product,
        Self::CreateOrder,
        Self::Checkouts,
        Self::Recommendations,
        Self::Telemetry,
    ];

    /// By which it is asked for.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::Idle => "idle",
            Self::Publish => "publish",
            Self::Checkout => "checkout",
            Self::Login => "login",
            Self::Product => "product",
            Self::CreateOrder => "create-order",
            Self::Checkouts => "checkouts",
            Self::Recommendations => "recommendations",
            Self::Telemetry => "telemetry",
        }
    }

    pub(crate) async fn measure(self, bench: &Bench) -> anyhow::Result<Measured> {
        match self {
            Self::Boot => boot::boot(bench).await,
            Self::Idle => idle::idle(bench).await,
            Self::Publish => events::publish(bench.shop().await?).await,
            Self::Checkout => checkout::one_at_a_time(bench.shop().await?).await,
            Self::Login => logins::logins(bench.shop().await?, bench.options.time).await,
            Self::Product => products::reads(bench.shop().await?, bench.options.time).await,
            Self::CreateOrder => orders::create(bench.shop().await?, bench.options.time).await,
            Self::Checkouts => checkout::in_flight(bench.shop().await?, bench.options.time).await,
            Self::Recommendations => recommendations::by_user(bench.shop().await?).await,
            Self::Telemetry => telemetry::compared(bench, bench.options.time).await,
        }
    }
    /// The same of the shop that the rows share, once there is far more in it.
    pub(crate) async fn measure_grown(self, bench: &Bench) -> anyhow::Result<Measured> {
        match self {
            Self::Boot => boot::grown(bench.shared().await?).await,
            Self::Idle => idle::grown(bench.shared().await?).await,
            Self::Recommendations => recommendations::grown(bench.shop().await?).await,
            Self::Publish
            | Self::Checkout
            | Self::Login
            | Self::Product
            | Self::CreateOrder
            | Self::Checkouts
            | Self::Telemetry => self.measure(bench).await,
        }
    }

    /// Whether that ends the shop and starts it again, so that nobody who knew it can go on with it.
    pub(crate) const fn restarts(self) -> bool {
        match self {
            Self::Boot | Self::Idle => true,
            Self::Publish
            | Self::Checkout
            | Self::Login
            | Self::Product
            | Self::CreateOrder
            | Self::Checkouts
            | Self::Recommendations
            | Self::Telemetry => false,
        }
    }
}
