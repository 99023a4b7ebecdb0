//! The services behind the gateway: they keep the contracts in memory, and remember how they were called.

pub(crate) mod catalog;
pub(crate) mod grpc;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use kit::auth::{self, Caller, Owner, Verifier};
use proto::pb;
use serde_json::Value;
use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

#[derive(Clone)]
pub(crate) struct Fakes {
    verifier: Verifier,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) orders: BTreeMap<u64, pb::Order>,
    pub(crate) products: BTreeMap<String, Value>,
    pub(crate) calls: Vec<Call>,
    /// What every gRPC call ends with, while there is something.
    pub(crate) failure: Option<Status>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) authorization: Option<String>,
    /// The message, or whatever else is worth remembering.
    pub(crate) detail: String,
}

impl Fakes {
    pub(crate) fn new(auth: &auth::Config) -> Self {
        let verifier = Verifier::load(auth, Owner::Order).expect("the keys are good");
        Self { verifier, state: Arc::default() }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds this")
    }

    /// The calls of a method, oldest first.
    pub(crate) fn calls(&self, method: &str) -> Vec<Call> {
        self.state().calls.iter().filter(|call| call.method == method).cloned().collect()
    }

    pub(crate) fn put_order(&self, id: u64, account_id: u64, status: &str, version: u64) {
        let line = pb::OrderProduct { product_id: "mug".to_owned(), quantity: 2, price_cents: 1275 };
        let order = pb::Order {
            id,
            account_id,
            total_price: 25.5,
            status: status.to_owned(),
            products: vec![line],
            total_cents: 2550,
            version,
            created_at: "2026-01-02T03:04:05Z".to_owned(),
        };
        self.state().orders.insert(id, order);
    }

    fn called<T: std::fmt::Debug>(&self, method: &'static str, request: &Request<T>) -> Result<(), Status> {
        let mut state = self.state();
        state.calls.push(Call {
            method,
            authorization: header(request.metadata(), "authorization"),
            detail: format!("{:?}", request.get_ref()),
        });
        state.failure.clone().map_or(Ok(()), Err)
    }

    /// Whose call it is; 0 where nobody says and nobody need to.
    fn account(&self, metadata: &MetadataMap, named: u64) -> Result<u64, Status> {
        match self.verifier.grpc_caller(metadata)? {
            Caller::User { account_id, .. } => {
                let own = account_id.unsigned_abs();
                if named == 0 || named == own { Ok(own) } else { Err(Status::permission_denied("another account")) }
            }
            Caller::Service(_) => Err(Status::permission_denied("not for services")),
            Caller::Anonymous => Ok(named),
        }
    }

    fn order(&self, metadata: &MetadataMap, id: u64) -> Result<pb::Order, Status> {
        let account = self.account(metadata, 0)?;
        let order = self.state().orders.get(&id).cloned();
        order
            .filter(|order| account == 0 || order.account_id == account)
            .ok_or_else(|| Status::not_found("no such order"))
    }
}

pub(crate) fn header(metadata: &MetadataMap, name: &str) -> Option<String> {
    metadata.get(name).map(|value| value.to_str().expect("only ASCII is sent").to_owned())
}
