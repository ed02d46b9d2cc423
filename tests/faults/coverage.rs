//! A run that did nothing, or did it while nothing was going on, does not pass.

use crate::checker::coverage::{Cuts, Kills, cuts, kills, not_vacuous, unjudged};
use crate::checker::event::{
    Accepted, Event, Fault, FaultKind, Line, Lost, Plan, Receipt, Sample, Stage, Stands, Submit, Sum,
};

fn plan(faults: &[&str]) -> Event {
    Event::Plan(Plan { faults: faults.iter().map(ToString::to_string).collect(), ..Plan::default() })
}

fn kill(name: &str) -> Event {
    Event::Fault(Fault { name: name.into(), kind: FaultKind::Kill, victim: "broker".into() })
}

fn kill_of_a_desk() -> Event {
    Event::Fault(Fault { name: "desk".into(), kind: FaultKind::Kill, victim: "desk:320300".into() })
}

fn submit(id: &str) -> Event {
    let digest = String::new();
    let to = vec!["320300".into()];
    Event::Submit(Submit { call: 1, id: id.into(), from: "371300".into(), to, precedence: 1, digest, expires: None })
}

fn accepted(id: &str) -> Event {
    let (epoch, receipt) = (String::new(), String::new());
    Event::Ok(Accepted { call: 1, id: id.into(), epoch, position: 1, receipt, resolved: Vec::new() })
}

fn told(events: Vec<Event>) -> Vec<Line> {
    events.into_iter().map(|event| Line { t: 0, event }).collect()
}

fn complaints(events: Vec<Event>) -> Vec<String> {
    not_vacuous(&told(events)).into_iter().map(|violation| violation.says).collect()
}

#[test]
fn a_run_whose_faults_all_fired_while_calls_were_waiting_counts() {
    let events = vec![plan(&["one"]), submit("m1"), kill("one"), accepted("m1")];

    assert_eq!(kills(&told(events.clone())), Kills { all: 1, in_flight: 1, starting: 0 });
    assert_eq!(complaints(events), Vec::<String>::new());
}

#[test]
fn a_planned_fault_that_never_fired_is_told() {
    let events = vec![plan(&["one", "two"]), submit("m1"), kill("one"), accepted("m1")];

    assert_eq!(complaints(events), ["the fault two never fired"]);
}

#[test]
fn kills_between_calls_do_not_count() {
    let mut events = vec![submit("m1"), kill("0"), accepted("m1")];
    events.extend((1..9).map(|n| kill(&n.to_string())));

    assert_eq!(complaints(events), ["only 1 of 9 kills fell with a call in flight"]);
}

#[test]
fn the_death_of_a_program_at_a_desk_is_no_kill_of_ours() {
    assert_eq!(kills(&told(vec![kill_of_a_desk()])), Kills::default());
}

#[test]
fn a_kill_of_a_program_that_starts_is_counted_apart() {
    let starting = Event::Fault(Fault { name: "1".into(), kind: FaultKind::KillStarting, victim: "broker".into() });
    let events = vec![submit("m1"), kill("0"), accepted("m1"), starting];

    assert_eq!(kills(&told(events.clone())), Kills { all: 1, in_flight: 1, starting: 1 });
    assert_eq!(complaints(events), Vec::<String>::new());
}

fn power_cut(name: &str, canary: bool) -> [Event; 2] {
    let fault = Fault { name: name.into(), kind: FaultKind::PowerCut, victim: "broker".into() };
    [Event::Fault(fault), Event::Lost(Lost { name: name.into(), canary })]
}

#[test]
fn a_power_cut_counts_once_it_took_what_nobody_synced() {
    let run = |cut: [Event; 2]| [vec![submit("m1")], cut.to_vec(), vec![accepted("m1")]].concat();
    let sound = run(power_cut("one", true));

    assert_eq!(cuts(&told(sound.clone())), Cuts { all: 1, real: 1 });
    assert_eq!(complaints(sound), Vec::<String>::new());
    let mild = complaints(run(power_cut("one", false)));
    assert_eq!(mild, ["only 0 of 1 power cuts took what was not synced"]);
}

#[test]
fn a_run_in_which_nothing_was_accepted_proves_nothing() {
    assert_eq!(complaints(vec![submit("m1")]), ["nothing was accepted"]);
}

fn left_out(events: Vec<Event>) -> Vec<String> {
    unjudged(&told(events)).into_iter().map(|violation| violation.says).collect()
}

fn asked(id: &str) -> Event {
    Event::Stands(Stands { id: id.into(), at: [("320300".to_owned(), Stage::Accepted)].into() })
}

fn counted(waiting: u64) -> Event {
    Event::Sum(Sum { handed: 0, negative: 0, waiting })
}

fn sampled() -> Event {
    Event::Sample(Sample { program: "broker".into(), peak_bytes: 1, descriptors: 1, threads: 1 })
}

#[test]
fn a_run_whose_every_rule_had_something_to_judge_counts() {
    let events = vec![submit("m1"), accepted("m1"), sampled(), kill("one"), asked("m1"), counted(1)];

    assert_eq!(left_out(events), Vec::<String>::new());
}

#[test]
fn a_broker_that_is_not_asked_after_its_death_proves_nothing() {
    let events = vec![submit("m1"), accepted("m1"), asked("m1"), sampled(), kill("one"), counted(1)];

    assert_eq!(left_out(events), ["1 were accepted, and nobody asked after the broker's death"]);
}

#[test]
fn signatures_that_nobody_checked_and_programs_that_nobody_looked_at_are_told() {
    let unchecked = Receipt {
        id: "m1".into(),
        to: String::new(),
        stage: Stage::Accepted,
        hash: String::new(),
        content: String::new(),
        previous: None,
        verified: None,
        reason: String::new(),
    };
    let events = vec![submit("m1"), Event::Receipt(unchecked), kill("one"), counted(1)];

    assert_eq!(left_out(events), ["1 signatures were not checked", "nobody knows what broker used"]);
}

#[test]
fn sums_count_only_if_something_waited() {
    assert_eq!(left_out(vec![counted(0)]), ["the deliveries were never counted while something waited"]);
}
