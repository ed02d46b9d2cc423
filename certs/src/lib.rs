//! Certificates, the signed files of a region, and the reloadable TLS identity that broker and agents use.
//!
//! ```text
//! profile     a certificate ⇄ an identity: exactly of our profile, or a refusal in stable words
//! bound       an authority as the directory binds it; revocation: what is revoked, and stays so
//! signed      a text with signatures; written: root and directory as values; files: loaded and verified
//! succession  what may follow what, and who must vouch for it
//! tls         configurations, our verifiers, one handshake, the reloadable identity
//! trust       a trust directory: install, join, renew       handover, words: what people carry and read out
//! region      the secretariat's folder: make, invite, admit, sign, publish, revoke
//! ca, keys, disk, seen    make certificates; key files; whole files; a certificate for people       ends: what ends soon
//! ```
//!
//! Deliberately absent: the system's certificate store, the system's clock, and any network but the one handshake.

pub mod bound;
pub mod ca;
mod disk;
pub mod ends;
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
