use async_graphql::{Context, SimpleObject};
use proto::pb;

use crate::error::Error;
use crate::session::Session;
use crate::upstream::{self, Upstreams, int};

/// What logging in gives.
#[derive(SimpleObject)]
pub(crate) struct AuthResponse {
    /// The bearer token: `Authorization: Bearer <token>`. Good for an hour.
    pub(crate) token: String,
}

/// A shopper's or seller's account.
#[derive(SimpleObject)]
pub(crate) struct Account {
    id: i32,
    name: String,
    email: String,
}

/// The caller's account.
pub(crate) async fn load(ctx: &Context<'_>) -> Result<Account, Error> {
    let request = upstream::personal(0, ctx.data_unchecked::<Session>())?;
    let result = ctx.data_unchecked::<Upstreams>().account.clone().get_account(request).await;
    upstream::answer("account", result)?.try_into()
}

impl TryFrom<pb::AccountResponse> for Account {
    type Error = Error;

    fn try_from(response: pb::AccountResponse) -> Result<Self, Error> {
        let pb::Account { id, name, email } =
            response.account.ok_or_else(|| Error::unexpected("account", "an answer without an account"))?;
        Ok(Self { id: int("account", id)?, name, email })
    }
}
