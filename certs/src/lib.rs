//! Certificates, the signed files of a region, and the reloadable TLS identity that broker and agents use.
//!
//! `profile` turns a certificate into an identity and refuses every one that is not exactly of our profile; `signed`
//! verifies the directory and the grants against the root of trust; `tls` builds configurations and the accept loop;
//! `region` makes everything for a new region.

pub mod bound;
pub mod ca;
mod disk;
pub mod files;
pub mod handover;
pub mod keys;
pub mod profile;
pub mod region;
pub mod revocation;
pub mod seen;
pub mod signed;
pub mod succession;
pub mod tls;
pub mod trust;
pub mod words;
mod written;
