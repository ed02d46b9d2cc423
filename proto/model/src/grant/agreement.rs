//! The line of a policy that an agreement in force stands for, as text for the operator who applies it. No program does.

use std::time::Duration;

use crate::{
    ids::{AgreementId, JurisdictionId},
    kind::Kind,
    level::EventLevel,
    thread::agreement::Override,
    time::Timestamp,
};

/// What an agreement says, as far as a grant says it.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Which agreement.
    pub id: &'a AgreementId,
    /// Who may send to whom under it.
    pub parties: &'a [JurisdictionId],
    /// What.
    pub kinds: &'a [Kind],
    /// About events of these levels. A grant knows none: the desks hold to it.
    pub levels: &'a [EventLevel],
    /// From when.
    pub from: Timestamp,
    /// Until when: the end of its last day.
    pub until: Timestamp,
    /// Deadlines of its own.
    pub overrides: &'a [Override],
}

/// The grant as TOML. A deadline for one level alone cannot be said in it and stands beside it as a remark.
pub fn text(terms: &Terms<'_>) -> String {
    let quoted = |texts: Vec<String>| texts.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(", ");
    let parties = quoted(terms.parties.iter().map(ToString::to_string).collect());
    let kinds = quoted(terms.kinds.iter().map(|kind| kind.code()).collect());
    let levels: Vec<&str> = terms.levels.iter().map(|level| level.name()).collect();
    let every: Vec<&Override> = terms.overrides.iter().filter(|one| one.level.is_none()).collect();
    let deadlines: Vec<String> =
        every.iter().map(|one| format!("{} = {}", one.deadline, minutes(one.within))).collect();
    let deadlines = if deadlines.is_empty() {
        String::new()
    } else {
        format!("deadline_minutes = {{ {} }}\n", deadlines.join(", "))
    };
    let of_a_level = terms
        .overrides
        .iter()
        .filter_map(|one| Some(format!("# {} = {} min: {}\n", one.deadline, minutes(one.within), one.level?.name())));
    let remarks: String = of_a_level.collect();
    format!(
        "# {id}: {levels}\n{remarks}[[grant]]\nid = \"agreement-{slug}\"\nfrom = [{parties}]\nto = [{parties}]\n\
         kinds = [{kinds}]\nagreements = [\"{id}\"]\n{deadlines}valid_from = {from}\nvalid_until = {until}\n",
        id = terms.id,
        slug = slug(terms.id.as_str()),
        levels = levels.join(" "),
        from = terms.from.rfc3339(),
        until = terms.until.rfc3339(),
    )
}

const fn minutes(within: Duration) -> u64 {
    within.as_secs() / 60
}

/// The id of an agreement as a part of a grant's: small letters, digits and dashes.
fn slug(id: &str) -> String {
    let kept = id.chars().map(|char| if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '-' });
    kept.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::{deadline::DeadlineName, grant::Policy, judge::sample::member};

    #[test]
    fn the_text_is_a_grant_of_a_policy_that_says_the_same() {
        let (id, parties) = ("AG-1".parse().unwrap(), [member("371300"), member("320300")]);
        let kinds = [Kind::ResourceRequest, Kind::ResourceOffer];
        let within = Duration::from_mins(90);
        let overrides = [
            Override { deadline: DeadlineName::D10, level: None, within },
            Override { deadline: DeadlineName::D15, level: Some(EventLevel::L3), within },
        ];
        let (from, until) = (Timestamp::from_millis(1_800_000_000_000), Timestamp::from_millis(1_900_000_000_000));
        let levels = [EventLevel::L2, EventLevel::L3];
        let terms =
            Terms { id: &id, parties: &parties, kinds: &kinds, levels: &levels, from, until, overrides: &overrides };

        let text = text(&terms);

        assert!(text.starts_with("# AG-1: L2 L3\n# D15 = 90 min: L3\n[[grant]]\nid = \"agreement-ag-1\"\n"), "{text}");
        let head = "version = 2\nregion = \"linyi\"\nexpires = 2030-01-01T00:00:00Z\n\n";
        let policy = Policy::parse(&format!("{head}{text}")).unwrap();
        let grant = &policy.grants[0];
        assert!(grant.from.has(&parties[0]) && grant.to.has(&parties[1]) && !grant.to.has(&member("370400")));
        assert_eq!(grant.kinds, kinds.into());
        assert_eq!(grant.agreements, [id].into());
        assert_eq!(grant.deadlines, [(DeadlineName::D10, within)].into());
        assert_eq!((grant.valid_from, grant.valid_until), (Some(from), Some(until)));
    }
}
