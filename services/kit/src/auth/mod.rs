//! Who calls: EdDSA tokens, each bound to the owner of the key that signed it.
//!
//! Account signs users' tokens (`aud` is `shop`); every other owner signs tokens for itself as a caller (`aud` is the
//! service it calls). A caller is what the key says, never what a claim says.

mod jwks;
mod owner;
mod signer;
#[cfg(test)]
mod tests;
mod verifier;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

pub use jwks::Error;
pub use owner::Owner;
pub use signer::Signer;
pub use verifier::{Unauthenticated, Verifier};

use crate::config::{self, Lookup};

/// The audience of users' tokens.
const SHOP: &str = "shop";

/// Whether a call needs a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Required,
    /// A call without a token is let through as [`Caller::Anonymous`]; one with a bad token is not.
    Open,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    User {
        account_id: i64,
        email: String,
    },
    Service(Owner),
    /// Only in [`Mode::Open`].
    Anonymous,
}

/// What [`Verifier`] and [`Signer`] are made from.
#[derive(Debug, Clone)]
pub struct Config {
    pub instance: String,
    pub jwks: PathBuf,
    pub mode: Mode,
    pub signing_key: Option<PathBuf>,
}

impl Config {
    /// # Errors
    /// `SHOP_JWKS` is missing, or `SHOP_AUTH` is `open` while `GRPC_ADDR` or `HTTP_ADDR` can be reached from elsewhere.
    pub fn from_lookup(lookup: &Lookup) -> Result<Self, config::Error> {
        let mode = lookup.or("SHOP_AUTH", Mode::Required)?;
        if mode == Mode::Open {
            for name in ["GRPC_ADDR", "HTTP_ADDR"] {
                let address = lookup.optional::<SocketAddr>(name)?;
                if address.is_some_and(|address| !is_loopback(address.ip())) {
                    return Err(config::Error::invalid(
                        "SHOP_AUTH",
                        format!("open is refused unless everything listens on loopback, and {name} does not"),
                    ));
                }
            }
        }
        Ok(Self {
            instance: lookup.or("SHOP_INSTANCE", "default".to_owned())?,
            jwks: lookup.required("SHOP_JWKS")?,
            mode,
            signing_key: lookup.optional("SHOP_SIGNING_KEY")?,
        })
    }

    fn issuer(&self) -> String {
        format!("shopctl/{}", self.instance)
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

impl FromStr for Mode {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "required" => Ok(Self::Required),
            "open" => Ok(Self::Open),
            _ => Err("it must be required or open"),
        }
    }
}
