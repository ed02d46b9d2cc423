//! Every state and every step: where it leads, or the rule that it breaks.

use super::*;
use crate::thread::talk::opened;

/// A drill in each phase, with its invitation.
fn in_phase(phase: Phase) -> (Thread, Message) {
    let first = invitation(1, 1, start()).at(start().minus(days(40)));
    let mut thread = opened(&first);
    let coming = || vec![reply(2, XZ, 1, Word::Attend, &first), reply(3, LYG, 1, Word::Attend, &first)];
    let frozen = || [coming(), vec![plan(4, 1, 1, true)]].concat();
    let live = || [frozen(), vec![order(5, LY, DrillControl::Startex)]].concat();
    let ended = || [live(), vec![order(6, LY, DrillControl::Endex)]].concat();
    let drafted = || [ended(), vec![evaluation(7, Review::Draft, &[])]].concat();
    let last = [("AI-1", None)];
    let settled = || [drafted(), vec![evaluation(8, Review::Final, &last)]].concat();
    let said = match phase {
        Phase::Invited => Vec::new(),
        Phase::Confirmed => coming(),
        Phase::PlanFrozen => frozen(),
        Phase::Startex => live(),
        Phase::Pausex => [live(), vec![order(6, LY, DrillControl::Pausex)]].concat(),
        Phase::Resume => {
            [live(), vec![order(6, LY, DrillControl::Pausex), order(7, LY, DrillControl::Resume)]].concat()
        }
        Phase::Endex => ended(),
        Phase::Hotwash => [ended(), vec![evaluation(7, Review::Hotwash, &[])]].concat(),
        Phase::ReviewDraft => drafted(),
        Phase::ReviewFinal | Phase::Improving | Phase::Closed => settled(),
        Phase::Aborted => [live(), vec![order(6, XZ, DrillControl::AbortRealEmergency)]].concat(),
        Phase::Cancelled => vec![invitation(9, 1, start()).follows(&first, Action::Cancel)],
    };
    say_all(&mut thread, start().minus(days(35)), said);
    let item = "AI-1".parse().unwrap();
    match phase {
        Phase::Improving => drill_mut(&mut thread).item(&item, false),
        Phase::Closed => drill_mut(&mut thread).item(&item, true),
        _ => {}
    }
    assert_eq!(drill(&thread).phase(), phase);
    (thread, first)
}

/// Every sort of step, by name.
fn steps(first: &Message) -> Vec<(&'static str, Message)> {
    let again = |sequence, at| invitation(20, sequence, at).follows(first, Action::Update);
    let by = |id: &str, mut message: Message| {
        message.header.sender.jurisdiction = member(id);
        message
    };
    vec![
        ("K30 other words", again(1, start())),
        ("K30 other date, same sequence", again(1, start().plus(days(1)))),
        ("K30 next sequence", again(2, start().plus(days(1)))),
        ("K30 by another", by(XZ, again(2, start()))),
        ("K30 once more", invitation(20, 2, start())),
        ("K30 CANCEL", invitation(20, 1, start()).follows(first, Action::Cancel)),
        ("K30 REPLY", again(1, start()).follows(first, Action::Reply)),
        ("K31 ATTEND", reply(20, XZ, 1, Word::Attend, first)),
        ("K31 TENTATIVE", reply(20, XZ, 1, Word::Tentative, first)),
        ("K31 DECLINE", reply(20, XZ, 1, Word::Decline, first)),
        ("K31 DELEGATE", reply(20, XZ, 1, Word::Delegate, first)),
        ("K31 COUNTER", reply(20, XZ, 1, Word::Counter, first)),
        ("K31 DECLINE_COUNTER to none", reply(20, LY, 1, Word::DeclineCounter, first)),
        ("K31 DECLINE_COUNTER by another", reply(20, XZ, 1, Word::DeclineCounter, first)),
        ("K31 CANCEL", reply(20, XZ, 1, Word::Attend, first).follows(first, Action::Cancel)),
        ("K31 stale", reply(20, XZ, 0, Word::Attend, first)),
        ("K31 unknown", reply(20, XZ, 2, Word::Attend, first)),
        ("K31 uninvited", reply(20, "371100", 1, Word::Attend, first)),
        ("K31 ORIGINATE", reply(20, XZ, 1, Word::Attend, first).follows(first, Action::Originate)),
        ("K32 DRAFT", plan(20, 1, 7, false)),
        ("K32 FROZEN", plan(20, 1, 7, true)),
        ("K32 stale", plan(20, 0, 7, true)),
        ("K32 same version", plan(20, 1, 0, false)),
        ("K32 by another", by(XZ, plan(20, 1, 7, true))),
        ("K32 CANCEL", plan(20, 1, 7, true).follows(first, Action::Cancel)),
        ("K33 STARTEX", order(20, LY, DrillControl::Startex)),
        ("K33 PAUSEX", order(20, LY, DrillControl::Pausex)),
        ("K33 RESUME", order(20, LY, DrillControl::Resume)),
        ("K33 TIME_JUMP", order(20, LY, DrillControl::TimeJump)),
        ("K33 ENDEX", order(20, LY, DrillControl::Endex)),
        ("K33 ABORT", order(20, LY, DrillControl::AbortRealEmergency)),
        ("K33 ABORT by a participant", order(20, LYG, DrillControl::AbortRealEmergency)),
        ("K33 ABORT by another", order(20, "371100", DrillControl::AbortRealEmergency)),
        ("K33 ENDEX by a participant", order(20, XZ, DrillControl::Endex)),
        ("K33 CANCEL", order(20, LY, DrillControl::Endex).follows(first, Action::Cancel)),
        ("K34", inject(20, LY)),
        ("K34 by a participant", inject(20, XZ)),
        ("K34 by another", inject(20, "371100")),
        ("K35 HOTWASH", evaluation(20, Review::Hotwash, &[])),
        ("K35 REVIEW_DRAFT", evaluation(20, Review::Draft, &[])),
        ("K35 REVIEW_FINAL", evaluation(20, Review::Final, &[])),
        ("K35 REVIEW_FINAL, items", evaluation(20, Review::Final, &[("AI-2", None)])),
        ("K35 by another", by(XZ, evaluation(20, Review::Draft, &[]))),
        ("K35 CANCEL", evaluation(20, Review::Draft, &[]).follows(first, Action::Cancel)),
    ]
}

/// Equal outcomes of neighbouring states stand once: `INVITED CONFIRMED: → CONFIRMED`.
fn row(step: &'static str) -> String {
    let mut groups: Vec<(Vec<&str>, String)> = Vec::new();
    for phase in Phase::ALL {
        let (mut thread, first) = in_phase(*phase);
        let message = steps(&first).into_iter().find(|(name, _)| *name == step).unwrap().1;
        let outcome = match says(&mut thread, &message.at(start())) {
            Ok(_) => format!("→ {}", thread.state().name),
            Err((reason, rule)) => format!("{} {rule}", reason.name()),
        };
        match groups.iter_mut().find(|(_, known)| *known == outcome) {
            Some((phases, _)) => phases.push(phase.name()),
            None => groups.push((vec![phase.name()], outcome)),
        }
    }
    let line = |(phases, outcome): (Vec<&str>, String)| format!("  {}: {outcome}", phases.join(" "));
    let lines: Vec<String> = groups.into_iter().map(line).collect();
    format!("{step}\n{}", lines.join("\n"))
}

#[test]
fn every_step_in_every_state_leads_where_the_catalogue_says_or_breaks_its_rule() {
    let (_, first) = in_phase(Phase::Invited);
    let rows: Vec<String> = steps(&first).into_iter().map(|(name, _)| row(name)).collect();
    assert_eq!(rows.join("\n"), include_str!("table.txt").trim_end());
}
