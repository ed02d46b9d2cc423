//! Identifiers, checked once when made. Text ids share their bytes, so a clone costs a counter.

mod binary;
mod incident;
mod text;

pub use self::{
    binary::{Digest, Incarnation, KeyId, MessageId},
    incident::IncidentId,
    text::{
        AgentId, AgreementId, DocumentClass, DocumentId, DrillId, GrantId, GroupId, ItemId, JurisdictionId, RegionId,
    },
};

use crate::text_form::text_form;

text_form!(AgreementId);
text_form!(Digest);
text_form!(DocumentId);
text_form!(DrillId);
text_form!(IncidentId);
text_form!(ItemId);
text_form!(JurisdictionId);
