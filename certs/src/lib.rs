//! Certificates, the signed files of a region, and the reloadable TLS identity that broker and agents use.
//!
//! `profile` turns a certificate into an identity and refuses every one that is not exactly of our profile; `signed`
//! verifies the directory and the grants against the root of trust; `tls` builds configurations and the accept loop;
//! `region` makes everything for a new region.

pub mod ca;
pub mod files;
pub mod keys;
pub mod profile;
pub mod region;
pub mod signed;
pub mod tls;
