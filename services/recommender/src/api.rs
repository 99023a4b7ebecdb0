//! The gRPC face. Recommendations are public: nobody's token is looked at.

mod history;

use kit::auth::{Caller, Owner, Verifier};
use proto::pb;
use proto::pb::recommender_service_server::RecommenderService;
use tonic::{Request, Response, Status, Streaming};

use crate::domain::Product;
use crate::error::Error;
use crate::recommender::Recommender;
use crate::store::Store;

const DEFAULT_TAKE: u64 = 5;
const MAX_TAKE: u64 = 100;
/// Products that one call may name as viewed: as many as an order has.
pub(crate) const MAX_VIEWS: usize = 500;

/// Carries out the contract's calls.
pub(crate) struct Api {
    pub recommender: Recommender,
    pub store: Store,
    pub verifier: Verifier,
}

#[tonic::async_trait]
impl RecommenderService for Api {
    async fn get_recommendations(
        &self,
        request: Request<pb::RecommendationRequestForUserId>,
    ) -> Result<Response<pb::RecommendationResponse>, Status> {
        let request = request.into_inner();
        let (skip, take) = page(request.skip, request.take);
        // What is no account's id is a user that nobody knows.
        let account_id: Option<i64> = request.user_id.parse().ok();
        let products = self.recommender.ask(move |model| match account_id {
            Some(account_id) => model.for_account(account_id, skip, take),
            None => model.popular(skip, take),
        });
        Ok(Response::new(response(products.await?)))
    }

    async fn get_recommendations_based_on_viewed(
        &self,
        request: Request<pb::RecommendationRequestOnViews>,
    ) -> Result<Response<pb::RecommendationResponse>, Status> {
        let pb::RecommendationRequestOnViews { ids, skip, take } = request.into_inner();
        if ids.len() > MAX_VIEWS {
            return Err(Error::TooManyViews.into());
        }
        let (skip, take) = page(skip, take);
        let products = self.recommender.ask(move |model| model.for_views(&ids, skip, take));
        Ok(Response::new(response(products.await?)))
    }

    async fn import_history(
        &self,
        request: Request<Streaming<pb::ImportedBasket>>,
    ) -> Result<Response<pb::ImportHistoryResponse>, Status> {
        match self.verifier.grpc_caller(request.metadata())? {
            Caller::Service(Owner::Shopctl) => {}
            Caller::Service(
                Owner::Account | Owner::Product | Owner::Recommender | Owner::Order | Owner::Payment | Owner::Gateway,
            )
            | Caller::User { .. }
            | Caller::Anonymous => return Err(Error::NotShopctl.into()),
        }
        history::import(&self.store, request.into_inner()).await.map(Response::new)
    }
}

/// What to skip and take. Nothing is beyond the largest `usize`.
fn page(skip: u64, take: u64) -> (usize, usize) {
    let take = match take {
        0 => DEFAULT_TAKE,
        take => take.min(MAX_TAKE),
    };
    let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    (size(skip), size(take))
}

fn response(products: Vec<Product>) -> pb::RecommendationResponse {
    let replica = |product: Product| pb::ProductReplica {
        price: product.price.to_wire(),
        price_cents: product.price.get(),
        id: product.id,
        name: product.name,
        description: product.description,
    };
    pb::RecommendationResponse { recommended_products: products.into_iter().map(replica).collect() }
}
