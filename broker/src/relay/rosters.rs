//! Who is on duty where, by the rosters that their owners wrote (K55): the one body that the broker reads. It watches that
//! nobody's post stays vacant, and tells whoever stands for a role.

use std::collections::{BTreeMap, BTreeSet};

use journal::{Lane, Record};
use model::{
    ids::{DocumentId, JurisdictionId},
    position::Position,
    role::Role,
    roster::{MUST_BE_FILLED, Roster},
    time::Timestamp,
};
use prost::Message as _;
use proto::{
    border::facts::roster,
    record::{ItemRow, PostTurned, Submitted, kind},
};
use store::{AppendError, FoldError};

use super::{
    Relay,
    fold::{decode_row, keys},
};

/// Vacancies that are looked at: two for each member at most, and members are far fewer.
const VACANCIES_MAX: usize = 4_096;

/// A roster as its owner wrote it last, and when. One that was removed, or whose body says nothing that can be read, is
/// empty; none where its record is damaged, and nothing is known then.
#[derive(Clone, Debug)]
struct Kept {
    position: u64,
    changed_at: Timestamp,
    roster: Option<Roster>,
}

/// The rosters that were read last: a record is read again only when another has taken its place.
#[derive(Debug, Default)]
pub struct Rosters(BTreeMap<JurisdictionId, Kept>);

impl Rosters {
    /// Writes down which posts have become vacant and which are filled again since the last look.
    pub async fn turn(&mut self, relay: &Relay) -> Result<(), AppendError> {
        if let Err(error) = self.read(relay) {
            tracing::warn!(%error, "the rosters cannot be read; who is on duty is looked at later");
            return Ok(());
        }
        let (now, vacant) = (relay.clock.now(), relay.vacancies());
        let mut turned = Vec::new();
        for (whose, kept) in &self.0 {
            for role in MUST_BE_FILLED {
                turned.extend(kept.turned(whose, role, vacant.contains(&(whose.clone(), role)), now));
            }
        }
        // who has left the region owes nothing to anybody
        let gone = vacant.iter().filter(|(whose, _)| !self.0.contains_key(whose));
        turned.extend(gone.map(|(whose, role)| post_turned(whose, *role, false, now)));
        if turned.is_empty() {
            return Ok(());
        }
        let record = |turned: &PostTurned| Record::new(kind::POST_TURNED, now, turned.encode_to_vec());
        relay.engine.append(turned.iter().map(record).collect(), Lane::Settling).await.map(|_| ())
    }

    /// Reads the rosters of members that are new, and forgets those of whoever is none any more.
    fn read(&mut self, relay: &Relay) -> Result<(), FoldError> {
        let heads = relay.roster_heads()?;
        self.0.retain(|whose, _| heads.iter().any(|(known, _)| known == whose));
        for (whose, head) in heads {
            if self.0.get(&whose).is_none_or(|kept| kept.position != head.position) {
                self.0.insert(whose, relay.kept(&head));
            }
        }
        Ok(())
    }
}

impl Kept {
    /// The record of what has become of a post, if anything has.
    fn turned(&self, whose: &JurisdictionId, role: Role, was_vacant: bool, now: Timestamp) -> Option<PostTurned> {
        let roster = self.roster.as_ref()?;
        let is_vacant = roster.is_vacant(role, now);
        if is_vacant == was_vacant {
            return None;
        }
        let by_plan = if is_vacant {
            roster.vacant_since(role, now)
        } else {
            roster.on_duty(role, now).filter_map(|shift| shift.from).min()
        };
        // what a roster says of the time before it was written is no news of then
        let at = by_plan.unwrap_or(self.changed_at).max(self.changed_at).min(now);
        Some(post_turned(whose, role, is_vacant, at))
    }
}

fn post_turned(whose: &JurisdictionId, role: Role, vacant: bool, at: Timestamp) -> PostTurned {
    PostTurned {
        jurisdiction: whose.to_string(),
        role: u32::try_from(role.number()).unwrap_or(0),
        vacant,
        at: at.millis(),
    }
}

impl Relay {
    /// The post that stands for a role now: its own, or the shift leader's while nobody is there. Without a roster the role.
    pub(super) fn stands_for(&self, whose: &JurisdictionId, role: Role) -> Role {
        let head = self.engine.read(|_, rows| rows.get(&keys::item(&DocumentId::roster(whose), None)).ok().flatten());
        let roster = head.and_then(|row| decode_row::<ItemRow>(row).ok()).and_then(|head| self.kept(&head).roster);
        roster.map_or(role, |roster| roster.stands_for(role, self.clock.now()))
    }

    /// The heads of the rosters of members, also those that were removed.
    fn roster_heads(&self) -> Result<Vec<(JurisdictionId, ItemRow)>, FoldError> {
        let view = self.trust.view();
        self.engine.read(|_, rows| {
            let head = |of: &JurisdictionId| rows.get(&keys::item(&DocumentId::roster(of), None)).transpose();
            let found = view.directory.members().filter_map(|member| Some((&member.id, head(&member.id)?)));
            found.map(|(of, row)| Ok((of.clone(), decode_row(row?)?))).collect()
        })
    }

    fn kept(&self, head: &ItemRow) -> Kept {
        let changed_at = Timestamp::from_millis(head.changed_at);
        let roster = if head.removed { Some(Roster::default()) } else { self.written(Position(head.position)) };
        Kept { position: head.position, changed_at, roster }
    }

    /// What a record wrote; none where it is damaged.
    fn written(&self, at: Position) -> Option<Roster> {
        let record = self.engine.record(at).ok()?;
        let envelope = Submitted::decode(record.bytes).ok()?.envelope?;
        Some(roster::of_content(&envelope.content).unwrap_or_default())
    }

    /// Which posts are vacant, as was told.
    fn vacancies(&self) -> BTreeSet<(JurisdictionId, Role)> {
        let prefix = [keys::table::VACANCY];
        let found = self.engine.read(|_, rows| rows.scan(&prefix, &prefix, VACANCIES_MAX)).unwrap_or_default();
        found.iter().filter_map(|(key, _)| keys::vacancy_parts(key)).collect()
    }
}
