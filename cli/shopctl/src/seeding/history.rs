//! Real orders of the past, for the recommender alone: they are no orders of this shop.

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use proto::pb::{ImportedBasket, ImportedLine, recommender_service_client::RecommenderServiceClient};
use serde_json::json;
use shopctl_scenario::basket::{self, Basket, ORDERS};
use tonic::{Request, metadata::AsciiMetadataValue};

use super::{Shop, Stock};
use crate::progress::Meter;

/// Whose key it is, and in whose name the import is made.
const OWNER: &str = "shopctl";
const CALLEE: &str = "recommender";
/// Seconds that the token is good for: one call.
const LIFETIME: u64 = 60;

pub(super) async fn import(shop: &Shop, stock: &Stock, fixtures: &Path) -> anyhow::Result<u64> {
    let baskets = basket::read(&fixtures.join(ORDERS))?;
    let baskets = baskets.into_iter().map(|basket| imported(basket, stock)).collect::<anyhow::Result<Vec<_>>>()?;
    let (meter, total) = (Meter::new("baskets"), baskets.len() as u64);
    meter.set(0, Some(total), "history");
    let connection = RecommenderServiceClient::connect(shop.recommender.clone()).await;
    let mut recommender =
        connection.with_context(|| format!("recommender at {} cannot be reached", shop.recommender))?;
    let mut request = Request::new(tokio_stream::iter(baskets));
    let token = AsciiMetadataValue::try_from(format!("Bearer {}", token(shop)?))?;
    request.metadata_mut().insert("authorization", token);
    let answer = recommender.import_history(request).await.context("recommender refuses the history")?;
    meter.set(total, Some(total), "history");
    Ok(answer.into_inner().baskets)
}

fn imported(basket: Basket, stock: &Stock) -> anyhow::Result<ImportedBasket> {
    let line = |(code, quantity): (String, u32)| {
        let id = stock.id(&code).with_context(|| format!("the product with stock code {code} is not in the shop"))?;
        Ok(ImportedLine { product_id: id.to_owned(), quantity })
    };
    let Basket { invoice, ordered_at, customer, lines } = basket;
    let lines = lines.into_iter().map(line).collect::<anyhow::Result<_>>()?;
    Ok(ImportedBasket { basket_id: invoice, customer, ordered_at, lines })
}

fn token(shop: &Shop) -> anyhow::Result<String> {
    let path = &shop.signing_key;
    let pem = std::fs::read(path).with_context(|| format!("cannot read {path}"))?;
    let key = EncodingKey::from_ed_pem(&pem).with_context(|| format!("{path} is no Ed25519 private key"))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let claims = json!({
        "iss": format!("shopctl/{}", shop.instance), "aud": CALLEE, "sub": OWNER, "iat": now, "exp": now + LIFETIME,
    });
    let header = Header { kid: Some(OWNER.to_owned()), ..Header::new(Algorithm::EdDSA) };
    jsonwebtoken::encode(&header, &claims, &key).context("cannot sign shopctl's token")
}
