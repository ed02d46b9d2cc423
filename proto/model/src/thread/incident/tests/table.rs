//! Every state and every step: where it leads, or the rule that it breaks.

use super::*;

/// Reports that lead to each phase, the newest last.
fn path(phase: Phase) -> Vec<Message> {
    let at = |minute| china(5, 12, 10, minute);
    let mut path = vec![initial()];
    let told = match phase {
        Phase::Reported | Phase::Merged | Phase::Cancelled => Vec::new(),
        Phase::Open => vec![facts(ReportType::FollowUp, 1)],
        Phase::Resolved => vec![resolved(1)],
        Phase::Final | Phase::Closed => vec![resolved(1), facts(ReportType::Final, 0)],
        Phase::Supplemented => vec![resolved(1), facts(ReportType::Final, 0), facts(ReportType::Supplement, 1)],
        Phase::Refuted => vec![refuted(1)],
    };
    for (n, facts) in (2_u8..).zip(told) {
        let before = path.last().unwrap();
        let message = next(n, facts, before, at(n));
        path.push(message);
    }
    if phase == Phase::Cancelled {
        path.push(next(2, facts(ReportType::Initial, 0), &path[0], at(2)).follows(&path[0], Action::Cancel));
    }
    path
}

/// Every sort of step, by name.
fn steps(before: &Message) -> Vec<(&'static str, Message)> {
    let say = |facts| next(20, facts, before, began());
    let by = |id: &str, mut message: Message| {
        message.header.sender.jurisdiction = member(id);
        message
    };
    let plain = || say(facts(ReportType::FollowUp, 7));
    vec![
        ("INITIAL", say(facts(ReportType::Initial, 0))),
        ("FOLLOW_UP", plain()),
        ("FOLLOW_UP, resolved", say(resolved(7))),
        ("FOLLOW_UP, refuted", say(refuted(7))),
        ("FOLLOW_UP with number 0", say(facts(ReportType::FollowUp, 0))),
        ("FOLLOW_UP by another", by(XZ, plain())),
        ("FINAL", say(facts(ReportType::Final, 0))),
        ("FINAL, resolved", say(Facts { resolved: true, ..facts(ReportType::Final, 0) })),
        ("FINAL, refuted", say(Facts { refuted: true, ..facts(ReportType::Final, 0) })),
        ("SUPPLEMENT", say(facts(ReportType::Supplement, 7))),
        ("SUPPLEMENT with number 0", say(facts(ReportType::Supplement, 0))),
        ("CANCEL", plain().follows(before, Action::Cancel)),
        ("CANCEL by another", by(XZ, plain().follows(before, Action::Cancel))),
        ("REPLY", plain().follows(before, Action::Reply)),
        ("ERROR", plain().follows(before, Action::Error)),
    ]
}

fn outcome(phase: Phase, step: &str) -> String {
    let path = path(phase);
    let mut thread = said(&path);
    if phase == Phase::Merged {
        merge(&mut thread);
    }
    let months = u8::from(phase == Phase::Closed);
    let at = china(5 + months, 12, 11, 0);
    assert_eq!(incident(&thread).phase_at(at), phase);
    let message = steps(path.last().unwrap()).into_iter().find(|(name, _)| *name == step).unwrap().1;
    match says(&mut thread, &message.at(at)) {
        Ok(marks) if marks.is_empty() => format!("→ {}", thread.state_at(at).name),
        Ok(marks) => format!("{} → {}", marks[0].mark, thread.state_at(at).name),
        Err((reason, rule)) => format!("{} {rule}", reason.name()),
    }
}

/// Equal outcomes stand once: `REPORTED OPEN: → OPEN`.
fn row(step: &str) -> String {
    let mut groups: Vec<(Vec<&str>, String)> = Vec::new();
    for phase in Phase::ALL {
        let outcome = outcome(*phase, step);
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
    let rows: Vec<String> = steps(&initial()).into_iter().map(|(name, _)| row(name)).collect();
    assert_eq!(rows.join("\n"), include_str!("table.txt").trim_end());
}
