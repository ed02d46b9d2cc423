//! The desk as a gRPC service: on a Unix socket for whoever may open it, and on loopback for whoever has the token.

pub mod events;
mod face;
pub mod http;
mod serve;
pub(crate) mod token;

pub use self::{
    face::DeskFace,
    serve::{ServeError, Sockets, serve},
};
