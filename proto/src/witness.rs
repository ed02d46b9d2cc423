//! What a witness keeps of another's evidence tree: the newest head, and what did not join it. Broker and agents do the same.

use model::{head::Verdict, invalid::Invalid, merkle::Hash};

use crate::{
    border::head::{self, Sealed},
    record::{HeadVerdict, HeadWitnessed, WitnessRow},
    v1,
};

/// What a verified head is to the one that is known, and the record that keeps it; none where there is nothing to keep.
///
/// # Errors
/// The head that is known cannot be read: a fault of ours.
pub fn held_against(
    known: Option<&v1::TreeHead>,
    new: &Sealed,
    wire: &v1::TreeHead,
    proof: &[Hash],
) -> Result<Option<HeadWitnessed>, Invalid> {
    let Some(known) = known else {
        return Ok(Some(record(wire, HeadVerdict::First, &[], None)));
    };
    let before = head::parse(known.clone())?;
    Ok(match new.head.held_against(&before.head, proof) {
        Verdict::Known => None,
        Verdict::Joined => Some(record(wire, HeadVerdict::Joined, proof, None)),
        Verdict::Shrunk => Some(record(wire, HeadVerdict::Shrunk, &[], Some(known))),
        Verdict::Forked => Some(record(wire, HeadVerdict::Forked, proof, Some(known))),
    })
}

fn record(wire: &v1::TreeHead, verdict: HeadVerdict, proof: &[Hash], known: Option<&v1::TreeHead>) -> HeadWitnessed {
    HeadWitnessed {
        head: Some(wire.clone()),
        verdict: verdict.into(),
        proof: head::hashes_to_wire(proof),
        known: known.cloned(),
    }
}

/// Whether a record says that trees do not join.
pub fn diverges(record: &HeadWitnessed) -> bool {
    matches!(record.verdict(), HeadVerdict::Shrunk | HeadVerdict::Forked)
}

/// The row after a record, folded at `at_ms`. After a divergence the newer head counts as known, so that one fork is told
/// once; what did not join stays in the row for ever.
pub fn row_after(row: Option<WitnessRow>, record: &HeadWitnessed, at_ms: i64) -> WitnessRow {
    let mut row = row.unwrap_or_default();
    if diverges(record) {
        row.divergences += 1;
        row.known.clone_from(&record.known);
        row.other.clone_from(&record.head);
        row.diverged_at = at_ms;
    }
    // what a witness saw of another history is no newer head of this one
    if row.head.is_none() || record.head.as_ref().is_some_and(|head| head.witness.is_empty()) {
        row.head.clone_from(&record.head);
    }
    row
}

/// What is known of a tree, for whoever asks.
pub fn shown(owner: &str, row: WitnessRow) -> v1::WitnessedTree {
    let at = (row.diverged_at != 0)
        .then(|| crate::border::time::to_wire(model::time::Timestamp::from_millis(row.diverged_at)));
    v1::WitnessedTree {
        owner: owner.to_owned(),
        head: row.head,
        divergences: row.divergences,
        known: row.known,
        other: row.other,
        diverged_at: at,
    }
}
