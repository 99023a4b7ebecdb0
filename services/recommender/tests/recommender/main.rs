//! The recommender service on a real PostgreSQL and a real broker, seen from outside; the tests are the rest of the shop.

mod catalog;
#[cfg(feature = "failpoints")]
mod failpoints;
mod history;
mod orders;
mod outage;
mod quality;
mod redelivery;
mod shop;
mod views;
