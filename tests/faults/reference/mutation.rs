//! What a broken program could have done to a history.

use std::collections::BTreeMap;

use crate::checker::Rule;
use crate::checker::event::{Accepted, Event, Hand, Line, Receipt, Stage};

/// What a broken program could have done to a history.
#[derive(Clone, Copy, Debug)]
pub enum Mutation {
    DropHand,
    HandAgainAfterConfirm,
    SwapHands,
    FlipDigest,
    AcceptWithoutHand,
    ExpireBeforeTime,
    SamePosition,
    StageBack,
    HandToStranger,
    ForgetQueued,
    TwoReceiptsOfOneStage,
    BadSeal,
    AnswerChanges,
    SameSequence,
    BadSignature,
    BrokenLink,
    ForgetAccepted,
    MiscountOne,
}

impl Mutation {
    pub const ALL: [Self; 18] = [
        Self::DropHand,
        Self::HandAgainAfterConfirm,
        Self::SwapHands,
        Self::FlipDigest,
        Self::AcceptWithoutHand,
        Self::ExpireBeforeTime,
        Self::SamePosition,
        Self::StageBack,
        Self::HandToStranger,
        Self::ForgetQueued,
        Self::TwoReceiptsOfOneStage,
        Self::BadSeal,
        Self::AnswerChanges,
        Self::SameSequence,
        Self::BadSignature,
        Self::BrokenLink,
        Self::ForgetAccepted,
        Self::MiscountOne,
    ];

    /// The rule that must notice.
    pub fn breaks(self) -> Rule {
        match self {
            Self::DropHand | Self::AcceptWithoutHand | Self::ExpireBeforeTime | Self::ForgetQueued => Rule::R1NoLoss,
            Self::HandAgainAfterConfirm => Rule::R2NoDuplicate,
            Self::FlipDigest | Self::BadSeal => Rule::R3NoPhantom,
            Self::SwapHands => Rule::R4Order,
            Self::SamePosition | Self::SameSequence => Rule::R5Names,
            Self::StageBack => Rule::R6ForwardOnly,
            Self::ForgetAccepted => Rule::R7AckIsTrue,
            Self::TwoReceiptsOfOneStage | Self::BadSignature | Self::BrokenLink => Rule::R8Receipts,
            Self::AnswerChanges => Rule::R9Idempotence,
            Self::HandToStranger => Rule::R10Rights,
            Self::MiscountOne => Rule::R11Evidence,
        }
    }

    /// The history after the mutation, or nothing where there is nothing to mutate.
    pub fn apply(self, lines: &[Line], pick: usize) -> Option<Vec<Line>> {
        let mut lines = lines.to_vec();
        match self {
            Self::DropHand | Self::AcceptWithoutHand => {
                let Event::Hand(hand) = choose(&lines, pick, is_first_hand)?.1.event else { return None };
                let about = |line: &Line| matches!(&line.event, Event::Hand(h) if h.id == hand.id && h.to == hand.to);
                let confirms = |line: &Line| matches!(&line.event, Event::ConfirmOk(done) if done.id == hand.id && done.to == hand.to);
                lines.retain(|line| !about(line) && (matches!(self, Self::DropHand) || !confirms(line)));
            }
            Self::HandAgainAfterConfirm => {
                let (_, line) = choose(&lines, pick, is_first_hand)?;
                insert_before_quiet_end(&mut lines, line.event);
            }
            Self::SwapHands => {
                let (first, second) = in_order(&lines, pick)?;
                let (earlier, later) = (lines[first].event.clone(), lines[second].event.clone());
                lines[first].event = later;
                lines[second].event = earlier;
            }
            Self::FlipDigest => change_hand(&mut lines, pick, |hand| hand.digest.push('!'))?,
            Self::BadSeal => change_hand(&mut lines, pick, |hand| hand.verified = Some(false))?,
            Self::HandToStranger => {
                let (_, line) = choose(&lines, pick, is_first_hand)?;
                let Event::Hand(hand) = line.event else { return None };
                insert_before_quiet_end(&mut lines, Event::Hand(Hand { to: "370800".into(), ..hand }));
            }
            Self::ExpireBeforeTime => {
                let (at, line) = choose(&lines, pick, |line| matches!(line.event, Event::Ok(_)))?;
                let Event::Ok(ok) = &line.event else { return None };
                let to = ok.resolved.first()?.clone();
                lines.retain(|line| line.event.id() != Some(&ok.id) || at_most_accepted(&line.event));
                let at = at.min(lines.len() - 1);
                let expired = Receipt {
                    id: ok.id.clone(),
                    to,
                    stage: Stage::Expired,
                    hash: "expired".into(),
                    content: String::new(),
                    previous: None,
                    verified: None,
                    reason: "LD502_EXPIRED".into(),
                };
                let t = lines[at].t;
                lines.push(Line { t, event: Event::Receipt(expired) });
            }
            Self::SamePosition => {
                let places: Vec<Accepted> = lines.iter().filter_map(accepted).collect();
                let first = places.first()?.clone();
                let (at, _) = choose(&lines, pick, |line| accepted(line).is_some_and(|ok| ok.id != first.id))?;
                let Event::Ok(ok) = &mut lines[at].event else { return None };
                (ok.position, ok.epoch) = (first.position, first.epoch);
            }
            Self::SameSequence => {
                let (first, second) = in_order(&lines, pick)?;
                let Event::Hand(Hand { seq, .. }) = lines[first].event else { return None };
                let Event::Hand(hand) = &mut lines[second].event else { return None };
                hand.seq = seq;
            }
            Self::StageBack => {
                let (_, line) = choose(&lines, pick, |line| is_receipt_of(line, Stage::Opened))?;
                let Event::Receipt(receipt) = line.event else { return None };
                let back = Receipt { stage: Stage::Delivered, hash: "again".into(), ..receipt };
                insert_before_quiet_end(&mut lines, Event::Receipt(back));
            }
            Self::ForgetQueued => {
                let (_, line) = choose(&lines, pick, |line| matches!(line.event, Event::Queued(_)))?;
                let id = line.event.id()?;
                lines.retain(|line| {
                    line.event.id() != Some(id) || matches!(line.event, Event::Submit(_) | Event::Queued(_))
                });
            }
            Self::TwoReceiptsOfOneStage => {
                let (at, line) = choose(&lines, pick, |line| is_receipt_of(line, Stage::Delivered))?;
                let Event::Receipt(receipt) = line.event.clone() else { return None };
                let event = Event::Receipt(Receipt { hash: "in other words".into(), ..receipt });
                lines.insert(at + 1, Line { event, ..line });
            }
            Self::BadSignature | Self::BrokenLink => {
                let (at, _) = choose(&lines, pick, |line| is_receipt_of(line, Stage::Opened))?;
                let Event::Receipt(receipt) = &mut lines[at].event else { return None };
                match self {
                    Self::BadSignature => receipt.verified = Some(false),
                    _ => receipt.previous = Some("nobody has it".into()),
                }
            }
            Self::ForgetAccepted => {
                let (at, _) = choose(&lines, pick, |line| matches!(line.event, Event::Stands(_)))?;
                let Event::Stands(stands) = &mut lines[at].event else { return None };
                stands.at.clear();
            }
            Self::MiscountOne => {
                let (at, _) = choose(&lines, pick, |line| matches!(line.event, Event::Sum(_)))?;
                let Event::Sum(sum) = &mut lines[at].event else { return None };
                sum.waiting += 1;
            }
            Self::AnswerChanges => {
                let (_, line) = choose(&lines, pick, |line| matches!(line.event, Event::Ok(_)))?;
                let Event::Ok(ok) = line.event else { return None };
                insert_before_quiet_end(&mut lines, Event::Ok(Accepted { receipt: "in other words".into(), ..ok }));
            }
        }
        Some(lines)
    }
}

fn at_most_accepted(event: &Event) -> bool {
    matches!(event, Event::Submit(_) | Event::Queued(_) | Event::Ok(_) | Event::Unknown(_))
}

fn accepted(line: &Line) -> Option<Accepted> {
    let Event::Ok(ok) = &line.event else { return None };
    Some(ok.clone())
}

fn is_first_hand(line: &Line) -> bool {
    matches!(&line.event, Event::Hand(hand) if hand.attempt == 1)
}

fn is_receipt_of(line: &Line, stage: Stage) -> bool {
    matches!(&line.event, Event::Receipt(receipt) if receipt.stage == stage)
}

fn choose(lines: &[Line], pick: usize, fits: impl Fn(&Line) -> bool) -> Option<(usize, Line)> {
    let fitting: Vec<usize> = (0..lines.len()).filter(|at| fits(&lines[*at])).collect();
    let at = *fitting.get(pick % fitting.len().max(1))?;
    Some((at, lines[at].clone()))
}

fn change_hand(lines: &mut [Line], pick: usize, change: impl Fn(&mut Hand)) -> Option<()> {
    let (at, _) = choose(lines, pick, is_first_hand)?;
    let Event::Hand(hand) = &mut lines[at].event else { return None };
    change(hand);
    Some(())
}

/// Late, when everything is confirmed.
fn insert_before_quiet_end(lines: &mut Vec<Line>, event: Event) {
    let t = lines.last().map_or(0, |line| line.t);
    lines.insert(lines.len() - 1, Line { t, event });
}

/// Two first hand-overs of one sender, recipient and precedence.
fn in_order(lines: &[Line], pick: usize) -> Option<(usize, usize)> {
    let mut latest = BTreeMap::new();
    let mut pairs = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| is_first_hand(line)) {
        let Event::Hand(hand) = &line.event else { continue };
        let key = (hand.to.clone(), hand.incarnation.clone(), hand.precedence);
        pairs.extend(latest.insert(key, at).map(|before| (before, at)));
    }
    pairs.get(pick % pairs.len().max(1)).copied()
}
