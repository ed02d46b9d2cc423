//! Types and services made from `liandong/v1/*.proto`.
#![allow(missing_docs, clippy::all, clippy::pedantic, clippy::restriction)]

tonic::include_proto!("liandong.v1");
