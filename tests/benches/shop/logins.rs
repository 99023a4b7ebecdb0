//! Logging in: argon2id, and little else.

use std::time::Duration;

use proto::pb::{self, account_service_client::AccountServiceClient};
use tonic::transport::Channel;

use crate::{
    cpu::Meter,
    figure::{Measured, Promise, Unit, milliseconds},
    load::Load,
    shop::Shop,
};

/// Each with an account of its own: tries for one account go one after the other.
const SHOPPERS: usize = 16;
const PASSWORD: &str = "long enough";

pub(crate) async fn logins(shop: &Shop, time: Duration) -> anyhow::Result<Measured> {
    let mut shoppers = Vec::new();
    for _ in 0..SHOPPERS {
        let email = Shop::email();
        shop.register(&email, PASSWORD).await?;
        shoppers.push((AccountServiceClient::new(shop.channel("account")?), email));
    }
    let log_in = async |(account, email): &mut (AccountServiceClient<Channel>, String)| {
        let request = pb::LoginRequest { email: email.clone(), password: PASSWORD.to_owned() };
        account.login(request).await?;
        Ok(())
    };
    let meter = Meter::start(shop)?;
    let load = Load::of(&mut shoppers, time / 2, log_in).await?;
    let mut measured = Measured::default();
    meter.stop(load.count(), &mut measured)?;
    measured.add("logins", load.rate(), Unit::PerSecond, Promise { bar: 60.0, aim: 80.0 });
    let (p50, p99) = (milliseconds(&load.times, 0.5), milliseconds(&load.times, 0.99));
    measured.notes.push(format!("{SHOPPERS} at once; one took {p50:.0} ms at p50, {p99:.0} ms at p99"));
    Ok(measured)
}
