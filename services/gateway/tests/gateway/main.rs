//! The gateway as its clients see it: HTTP and websockets, in front of small services of our own that keep the contracts.

mod client;
mod fakes;
mod shop;

mod limits;
mod orders;
mod page;
mod products;
mod protection;
mod schema;
mod sockets;
mod spans;
mod users;
