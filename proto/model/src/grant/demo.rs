//! The policy that a new region begins with, as the text an operator then edits.

use crate::{
    ids::{AgreementId, RegionId},
    time::Timestamp,
};

/// The default policy: between any two members everything about duty, information, drills and meetings; resources and
/// joint action under one of `agreements`, or outside any with a sign-off.
pub fn demo_text(region: &RegionId, version: u64, expires: Timestamp, agreements: &[AgreementId]) -> String {
    let quoted = agreements.iter().map(|agreement| format!("\"{agreement}\""));
    let named = quoted.chain(["\"NONE\"".to_owned()]).collect::<Vec<_>>().join(", ");
    format!(
        r#"# Who may send what to whom. What no line allows is refused.
# Every member: "*". Kinds by family (A0 duty and system, A1 information, A2 resources, A3 joint action, A4 drills,
# A5 meetings), by code ("K11") or by name ("RESOURCE_REQUEST").
version = {version}
region = "{region}"
expires = {expires}

[[grant]]
id = "duty"
from = ["*"]
to = ["*"]
families = ["A0"]
confidentiality = "SENSITIVE"

[[grant]]
id = "information"
from = ["*"]
to = ["*"]
families = ["A1"]
confidentiality = "SENSITIVE"
flash_per_hour = {flash}

# Under an agreement, or "NONE": outside any, with the sign-off of both sides.
[[grant]]
id = "resources-and-action"
from = ["*"]
to = ["*"]
families = ["A2", "A3"]
confidentiality = "SENSITIVE"
agreements = [{named}]

[[grant]]
id = "drills-and-meetings"
from = ["*"]
to = ["*"]
families = ["A4", "A5"]
confidentiality = "INTERNAL"
"#,
        expires = expires.rfc3339(),
        flash = crate::limits::FLASH_PER_HOUR,
    )
}
