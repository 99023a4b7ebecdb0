//! The shop's gRPC contracts: the `.proto` files beside this crate and the Rust generated from them, committed, so that
//! no build needs protoc. `shopctl proto` writes `src/generated`, `shopctl proto --check` tells whether it drifted.
//!
//! It must never depend on another crate of this workspace, nor hold anything written by hand but this page.

/// Package `pb`: all messages, clients and servers.
pub mod pb {
    include!("generated/pb.rs");
}

/// The encoded `FileDescriptorSet` of all contracts, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/descriptor.bin");
