//! The desk as a gRPC service: on a Unix socket for whoever may open it, and on loopback for whoever has the token.

mod face;
mod serve;

pub use self::{
    face::DeskFace,
    serve::{ServeError, Sockets, serve},
};
