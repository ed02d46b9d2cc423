//! A tiny model of an exchange: it does at each step what the dice say, and always as it should be done.

use std::collections::{BTreeMap, VecDeque};

use crate::checker::event::{
    Accepted, Done, Event, Fault, FaultKind, Hand, Line, Listed, Plan, Queued, Receipt, Stage, Stands, Submit, Sum,
    Unanswered,
};

const CITIES: [&str; 4] = ["371300", "320300", "320700", "371100"];

/// A line of waiting messages for each (recipient, sender, precedence).
type Lines = BTreeMap<(&'static str, &'static str, u8), VecDeque<usize>>;

struct Sent {
    id: String,
    from: &'static str,
    to: Vec<&'static str>,
    precedence: u8,
    seq: u64,
}

/// An exchange as it should be, which does at each step what the dice say.
#[derive(Default)]
struct Exchange {
    lines: Vec<Line>,
    sent: Vec<Sent>,
    seqs: BTreeMap<&'static str, u64>,
    /// Queued or lost on the way, in the order of their sender.
    outbox: VecDeque<usize>,
    mailboxes: Lines,
    inboxes: BTreeMap<&'static str, u64>,
    unconfirmed: Vec<Hand>,
    delivered: Vec<(usize, &'static str, Stage)>,
    /// Told again when the broker is asked again.
    late_answers: Vec<Event>,
    position: u64,
    epoch: u32,
}

impl Exchange {
    fn tell(&mut self, event: Event) {
        let t = 1_000 * (self.lines.len() as u64 + 1);
        self.lines.push(Line { t, event });
    }

    fn step(&mut self, dice: u16) {
        let pick = usize::from(dice / 8);
        match dice % 8 {
            0 | 1 => self.send(pick),
            2 => self.accept(pick.is_multiple_of(4)),
            3 | 4 => self.hand(pick),
            5 => self.confirm(pick),
            6 => self.go_on(pick),
            _ => self.kill(pick),
        }
    }

    fn send(&mut self, pick: usize) {
        let from = CITIES[pick % 4];
        let others: Vec<_> = CITIES.into_iter().filter(|city| *city != from).collect();
        let to = others[..=(pick / 4) % 3].to_vec();
        let seq = self.seqs.entry(from).or_default();
        *seq += 1;
        let n = self.sent.len();
        let sent = Sent { id: format!("m{n}"), from, to, precedence: 1 + (pick / 16 % 4) as u8, seq: *seq };
        let to = sent.to.iter().map(ToString::to_string).collect();
        let digest = format!("digest of m{n}");
        let (id, from, precedence) = (sent.id.clone(), from.into(), sent.precedence);
        self.tell(Event::Submit(Submit {
            call: n as u64,
            id: id.clone(),
            from,
            to,
            precedence,
            digest,
            expires: None,
        }));
        if pick.is_multiple_of(5) {
            self.tell(Event::Unknown(Unanswered { call: n as u64, id }));
        } else {
            self.tell(Event::Queued(Queued { call: n as u64, id, message: format!("uuid m{n}"), seq: sent.seq }));
        }
        self.sent.push(sent);
        self.outbox.push_back(n);
    }

    /// The broker takes charge of the next one, and its answer is lost or not.
    fn accept(&mut self, answer_lost: bool) {
        let Some(n) = self.outbox.pop_front() else { return };
        self.position += 1;
        for to in self.sent[n].to.clone() {
            let key = (to, self.sent[n].from, self.sent[n].precedence);
            self.mailboxes.entry(key).or_default().push_back(n);
        }
        let Sent { id, to, .. } = &self.sent[n];
        let resolved = to.iter().map(ToString::to_string).collect();
        let (id, epoch, receipt) = (id.clone(), format!("e{}", self.epoch), format!("accepted {id}"));
        let answer = Event::Ok(Accepted { call: n as u64, id, epoch, position: self.position, receipt, resolved });
        if answer_lost {
            self.late_answers.push(answer);
        } else {
            self.tell(answer);
        }
    }

    /// Somebody who waits is handed the most urgent of what waits there.
    fn hand(&mut self, pick: usize) {
        let waiting: Vec<_> = self.mailboxes.iter().filter(|(_, line)| !line.is_empty()).map(|(key, _)| *key).collect();
        let Some((to, _, _)) = waiting.get(pick % waiting.len().max(1)) else { return };
        let Some(key) = waiting.iter().filter(|key| key.0 == *to).min_by_key(|key| key.2) else { return };
        let Some(n) = self.mailboxes.get_mut(key).and_then(VecDeque::pop_front) else { return };
        let to = key.0;
        let cursor = self.inboxes.entry(to).or_default();
        *cursor += 1;
        let Sent { id, seq, precedence, from, .. } = &self.sent[n];
        let hand = Hand {
            id: id.clone(),
            to: to.into(),
            attempt: 1,
            cursor: *cursor,
            message: format!("uuid {id}"),
            incarnation: format!("incarnation of {from}"),
            seq: *seq,
            precedence: *precedence,
            digest: format!("digest of {id}"),
            content: format!("content of {id}"),
            verified: Some(true),
        };
        self.unconfirmed.push(hand.clone());
        self.tell(Event::Hand(hand));
        self.say(n, to, Stage::Delivered);
        self.delivered.push((n, to, Stage::Delivered));
    }

    fn say(&mut self, n: usize, to: &str, stage: Stage) {
        let id = self.sent[n].id.clone();
        let hash = format!("{stage:?} of {id} at {to}");
        let content = format!("content of {id}");
        let before = match stage {
            Stage::Opened => Some(Stage::Delivered),
            Stage::Acknowledged => Some(Stage::Opened),
            _ => None,
        };
        let previous = before.map(|before| format!("{before:?} of {id} at {to}"));
        let receipt =
            Receipt { id, to: to.into(), stage, hash, content, previous, verified: Some(true), reason: String::new() };
        self.tell(Event::Receipt(receipt));
    }

    fn confirm(&mut self, pick: usize) {
        if self.unconfirmed.is_empty() {
            return;
        }
        let Hand { id, to, .. } = self.unconfirmed.remove(pick % self.unconfirmed.len());
        self.tell(Event::Confirm(Done { id: id.clone(), to: to.clone() }));
        self.tell(Event::ConfirmOk(Done { id, to }));
    }

    /// A delivery reaches its next stage.
    fn go_on(&mut self, pick: usize) {
        if self.delivered.is_empty() {
            return;
        }
        let (n, to, stage) = self.delivered.remove(pick % self.delivered.len());
        let next = match stage {
            Stage::Delivered => Stage::Opened,
            Stage::Opened => Stage::Acknowledged,
            _ => return,
        };
        self.say(n, to, next);
        self.delivered.push((n, to, next));
    }

    /// The broker dies and begins a new epoch, or a desk dies and is handed again what it had not confirmed.
    fn kill(&mut self, pick: usize) {
        let desk = CITIES[pick % 4];
        let victim = if pick.is_multiple_of(2) { "broker".to_owned() } else { format!("desk:{desk}") };
        let name = format!("kill {}", self.lines.len());
        self.tell(Event::Fault(Fault { name, kind: FaultKind::Kill, victim: victim.clone() }));
        if victim == "broker" {
            self.epoch += 1;
            self.asked_again();
            return;
        }
        let mut again: Vec<Hand> = self.unconfirmed.iter().filter(|hand| hand.to == desk).cloned().collect();
        self.unconfirmed.retain(|hand| hand.to != desk);
        for hand in &mut again {
            hand.attempt += 1;
            self.tell(Event::Hand(hand.clone()));
        }
        self.unconfirmed.extend(again);
    }

    /// The broker is asked about everything that was told as accepted.
    fn asked_again(&mut self) {
        let known = |line: &Line| {
            let Event::Ok(Accepted { id, resolved, .. }) = &line.event else { return None };
            let at = resolved.iter().map(|to| (to.clone(), Stage::Accepted)).collect();
            Some(Event::Stands(Stands { id: id.clone(), at }))
        };
        let answers: Vec<Event> = self.lines.iter().filter_map(known).collect();
        for answer in answers {
            self.tell(answer);
        }
    }

    fn end(mut self) -> Vec<Line> {
        self.tell(Event::Quiet);
        while !self.outbox.is_empty() {
            self.accept(false);
        }
        for answer in std::mem::take(&mut self.late_answers) {
            self.tell(answer);
        }
        while self.mailboxes.values().any(|line| !line.is_empty()) {
            self.hand(0);
        }
        while !self.unconfirmed.is_empty() {
            self.confirm(0);
        }
        self.asked_again();
        let hands: Vec<Listed> = self.lines.iter().filter_map(listed).collect();
        for listed in hands {
            self.tell(Event::Listed(listed));
        }
        let handed = self.inboxes.values().sum();
        self.tell(Event::Sum(Sum { handed, negative: 0, waiting: 0 }));
        self.tell(Event::End);
        self.lines
    }
}

fn listed(line: &Line) -> Option<Listed> {
    let Event::Hand(hand) = &line.event else { return None };
    let Hand { id, to, message, cursor, .. } = hand.clone();
    (hand.attempt == 1).then_some(Listed { id, to, message, cursor })
}

/// The history of an exchange that did what these dice say.
pub fn history_of(dice: &[u16]) -> Vec<Line> {
    let mut exchange = Exchange::default();
    exchange.tell(Event::Plan(Plan { negative_ends: true, ..Plan::default() }));
    for dice in dice {
        exchange.step(*dice);
    }
    exchange.end()
}
