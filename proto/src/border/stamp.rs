//! What the broker adds beside an envelope.

use model::{ids::JurisdictionId, stage::As};

use crate::v1;

/// One recipient as the stamp and the journal write it.
pub fn delivery((jurisdiction, r#as): &(JurisdictionId, As)) -> v1::StampedDelivery {
    v1::StampedDelivery { jurisdiction: jurisdiction.to_string(), r#as: r#as.number() }
}
