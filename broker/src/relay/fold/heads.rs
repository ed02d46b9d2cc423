//! Heads of the evidence trees of members: the newest of each, and what did not join.

use model::ids::JurisdictionId;
use proto::{
    record::{HeadWitnessed, WitnessRow},
    witness,
};
use store::FoldError;

use super::{Folding, Outcome, keys};

impl Folding<'_, '_> {
    pub(super) fn head_witnessed(&mut self, record: &HeadWitnessed) -> Result<Outcome, FoldError> {
        let owner = record.head.as_ref().map(|head| head.owner.as_str()).unwrap_or_default();
        let Ok(owner) = owner.parse::<JurisdictionId>() else { return Ok(Outcome::Done) };
        let key = keys::witness(&owner);
        let row: Option<WitnessRow> = self.row(&key)?;
        self.put(&key, &witness::row_after(row, record, self.at.time.millis()))?;
        Ok(Outcome::Done)
    }
}
