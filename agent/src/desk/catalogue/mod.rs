//! Resource catalogues at the desk: the copies of every member's, what a search finds in them, and how the own one is
//! published.

pub mod copies;
mod publish;
mod replica;
mod search;
mod uses;

use model::{
    ids::{DocumentId, JurisdictionId},
    invalid::Invalid,
};

/// Every catalogue's id begins so.
pub const PREFIX: &str = "catalogue/";

/// The catalogue of a jurisdiction.
fn id_of(owner: &JurisdictionId) -> Result<DocumentId, Invalid> {
    format!("{PREFIX}{owner}").parse()
}
