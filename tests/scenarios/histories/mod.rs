//! Random histories of a region without wire and disk: lawful and unlawful steps of every kind, late, lost and doubled,
//! with programs that restart anywhere. What must always be true is looked at after every step.
//!
//! | invariant | how it is looked at here |
//! |---|---|
//! | I1, I7 | a restarted program makes the same rows from its records alone |
//! | I2, I13 | each accepted message ends once for each recipient; whatever comes again changes no row |
//! | I3 | what an author revised later is in force at the broker |
//! | I4 | a step of an exercise leaves every real matter of every desk as it was |
//! | I5 | of each item, committed ≤ ordered ≤ offered, at every desk |
//! | I6 | a resource of a desk's own is in one live mission at most |
//! | I9 | no message and no receipt is gone |
//! | I14 | a mailbox is in the order of precedence, and its sender knows of each end |
//!
//! `LIANDONG_HISTORIES` sets how many histories each of the four tests plays (50; 2,500 are ten thousand in all, and
//! take seven minutes on two cores); a failure prints the shortest one that fails.

mod region;
mod sheets;
mod side;

use std::collections::BTreeMap;
use std::time::Duration;

use agent::fold::query;
use bytes::Bytes;
use model::header::Status;
use model::ids::MessageId;
use model::stage::Stage;
use model::thread::AnyMachine;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::Config;

use self::region::{Kept, Region, WHO};
use self::sheets::{Choice, WHAT, startex};

/// What happens next; numbers choose among what is there.
#[derive(Clone, Debug)]
enum Event {
    Write { choice: Choice, forged: bool },
    Submit(usize),
    Deliver { who: usize, nth: usize },
    Confirm(usize),
    Tell(usize),
    Attest { who: usize, of: usize, stage: usize },
    Repeat(usize),
    Breaks(usize),
    Restart(usize),
    Wait(u64),
}

fn choice() -> impl Strategy<Value = Choice> {
    (0..3_usize, 0..WHAT, 0..40_usize, any::<u32>(), 0..12_u8, 0..8_u8).prop_map(
        |(by, what, of, twist, wild, exercise)| Choice {
            by,
            what,
            of,
            twist,
            wild: wild == 0,
            exercise: exercise == 0,
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let (who, of) = (0..3_usize, 0..40_usize);
    prop_oneof![
        12 => (choice(), 0..10_u8).prop_map(|(choice, forged)| Event::Write { choice, forged: forged == 0 }),
        8 => who.clone().prop_map(Event::Submit),
        8 => (who.clone(), 0..3_usize).prop_map(|(who, nth)| Event::Deliver { who, nth }),
        5 => who.clone().prop_map(Event::Confirm),
        3 => who.clone().prop_map(Event::Tell),
        4 => (who.clone(), of.clone(), 0..3_usize).prop_map(|(who, of, stage)| Event::Attest { who, of, stage }),
        1 => of.prop_map(Event::Repeat),
        1 => who.prop_map(Event::Breaks),
        1 => (0..4_usize).prop_map(Event::Restart),
        2 => (1..200_u64).prop_map(Event::Wait),
    ]
}

/// What a history came to, to see that it was one.
#[derive(Debug, Default)]
struct Counts {
    written: usize,
    kept: usize,
    accepted: usize,
    exercises: usize,
}

impl Region {
    fn happens(&mut self, event: &Event) {
        let some = |of: usize, region: &Self| of % region.written.len().max(1);
        match *event {
            Event::Write { choice, forged } => drop(self.writes(choice, forged)),
            Event::Submit(who) => drop(self.submit(who)),
            Event::Deliver { who, nth } => self.takes_in(who, nth),
            Event::Confirm(who) => drop(self.confirm(who)),
            Event::Tell(who) => drop(self.tell(who)),
            Event::Attest { who, of, stage } if !self.written.is_empty() => {
                let stage = [Stage::Opened, Stage::Acknowledged, Stage::WillAnswer][stage];
                self.attest(who, some(of, self), stage);
            }
            Event::Repeat(of) if !self.written.is_empty() => self.repeats(some(of, self)),
            Event::Attest { .. } | Event::Repeat(_) => {}
            Event::Breaks(who) => self.line_breaks(who),
            Event::Restart(who) => self.restarts(who),
            Event::Wait(minutes) => {
                self.now = self.now.plus(Duration::from_mins(minutes));
                self.time_tells();
            }
        }
    }

    fn restarts(&mut self, who: usize) {
        for desk in 0..WHO.len() {
            self.items_add_up(desk);
            self.missions_share_nothing(desk);
        }
        match self.desks.get_mut(who) {
            Some(desk) => desk.restarts(),
            None => self.broker.restarts(),
        }
    }

    fn writes(&mut self, choice: Choice, forged: bool) -> Option<usize> {
        let sheet = self.sheet(choice)?;
        let real = choice.exercise.then(|| self.real(sheet.by));
        let written = self.write(sheet.by, sheet.paper, sheet.before, forged);
        if let Some(real) = real {
            assert_eq!(self.real(sheet.by), real, "an exercise changed a real matter where it was written");
        }
        written.ok()
    }

    /// A desk takes the next message: an exercise leaves what is real as it was, and so does a step that is not lawful.
    fn takes_in(&mut self, who: usize, nth: usize) {
        self.mailbox_is_in_order(who);
        let waiting = self.mailbox(who);
        let Some(id) = waiting.get(nth % waiting.len().max(1)).copied() else { return };
        let at = self.written.iter().position(|written| written.id == id).unwrap();
        let exercise = self.written[at].header.status == Status::Exercise.number();
        let (real, matters) = (exercise.then(|| self.real(who)), self.matter_rows(who));
        self.deliver(who, nth);
        if let Some(real) = real {
            assert_eq!(self.real(who), real, "an exercise changed a real matter");
        }
        let judged = self.desks[who].read(|_, rows| query::judged(rows, id)).unwrap();
        if judged.is_some_and(|judged| !judged.reason.is_empty() || judged.orphan) {
            let now = self.matter_rows(who);
            let changed = matters.iter().find(|(key, row)| now.get(*key) != Some(*row));
            assert_eq!(changed, None, "a step that was not lawful changed a matter");
        }
    }

    /// The rows of every matter of a desk.
    fn matter_rows(&mut self, who: usize) -> BTreeMap<Bytes, Bytes> {
        let table = [agent::fold::keys::table::MATTER];
        self.desks[who].read(|_, rows| rows.scan(&table, &table, 10_000)).unwrap().into_iter().collect()
    }

    /// Every real matter of a desk.
    fn real(&mut self, who: usize) -> String {
        let real = self.matters(who).into_iter().filter(|state| state.status == Status::Actual);
        format!("{:?}", real.collect::<Vec<_>>())
    }

    /// Where every matter of a desk stands.
    fn machines(&mut self, who: usize) -> Vec<AnyMachine> {
        self.matters(who).into_iter().filter_map(|state| state.thread).map(|thread| thread.machine).collect()
    }

    fn mailbox_is_in_order(&mut self, who: usize) {
        let waiting = self.mailbox(who);
        let precedences: Vec<u32> = waiting.into_iter().map(|id| self.row(id).carried_as).collect();
        assert!(precedences.is_sorted(), "{precedences:?}");
    }

    /// Each resource of a desk's own is in one live mission at most, real and played ones apart.
    fn missions_share_nothing(&mut self, who: usize) {
        let uses = self.desks[who].read(|_, rows| query::uses(rows)).unwrap();
        let mut seen = BTreeMap::new();
        for (status, used) in uses.iter().flat_map(|(_, row)| row.uses.iter().map(move |used| (row.status, used))) {
            if !used.mission_id.is_empty() {
                let first = seen.entry((status, &used.resource_id)).or_insert(&used.mission_id);
                assert_eq!(*first, &used.mission_id, "{} is in two live missions", used.resource_id);
            }
        }
    }

    fn items_add_up(&mut self, who: usize) {
        let now = self.now;
        for machine in self.machines(who) {
            let AnyMachine::Resource(request) = machine else { continue };
            for item in 0..4 {
                let tally = request.tally(item, now);
                let adds_up = tally.committed <= tally.ordered && tally.ordered <= tally.offered;
                assert!(adds_up, "item {item}: {tally:?}");
            }
        }
    }

    /// Everything arrives, then everything that cannot expires: nobody waits for anything any more, and everybody knows.
    fn ends(&mut self) -> Counts {
        self.settles();
        self.now = self.now.plus(Duration::from_hours(48));
        self.time_tells();
        self.settles();
        for who in 0..=WHO.len() {
            self.restarts(who);
        }
        for (who, city) in WHO.iter().enumerate() {
            assert!(self.mailbox(who).is_empty(), "something waits for {city} for ever");
            let queued = self.desks[who].read(|fold, _| fold.agent().queued);
            assert_eq!(queued, 0, "something of {city} waits for the broker for ever");
        }
        let accepted: Vec<_> = self.written.iter().filter(|written| written.accepted).cloned().collect();
        for written in &accepted {
            for to in &written.to {
                self.settled_once(written.id, written.by, *to, written.forged);
            }
        }
        self.revisions_are_in_force();
        Counts {
            written: self.written.len(),
            kept: 0,
            accepted: accepted.len(),
            exercises: accepted.iter().filter(|one| one.header.status == Status::Exercise.number()).count(),
        }
    }

    /// A message stands once with its recipient or came to an end, and its sender knows which.
    fn settled_once(&mut self, id: MessageId, by: usize, to: usize, forged: bool) {
        let stage = self.stage(id, WHO[to]);
        assert_ne!(stage, Stage::Accepted, "{id} is not settled");
        let row = self.desks[to].read(|_, rows| query::received(rows, id)).unwrap();
        let copies =
            self.desks[to].read(|_, rows| query::list(rows, agent::fold::keys::table::INBOX, 0, 1_000)).unwrap();
        let copies = copies.iter().filter(|(_, line)| line.message_id.as_ref() == id.0).count();
        let has = row.is_some_and(|row| row.refused.is_empty());
        assert_eq!(copies, usize::from(has), "{id} stands {copies} times in the inbox");
        assert_eq!(has, !stage.is_negative(), "{id}: {stage:?}");
        if !forged {
            let known = self.desks[by].read(|_, rows| query::deliveries(rows, id)).unwrap();
            let known = known.into_iter().find(|(who, _)| who.as_str() == WHO[to]).unwrap().1.stage;
            assert_eq!(agent::fold::stage_of(known), Some(stage), "the sender of {id} knows something else");
        }
    }

    /// Of each author's chain the highest revision that was accepted is in force.
    fn revisions_are_in_force(&mut self) {
        let mut highest: BTreeMap<(usize, Vec<u8>), u32> = BTreeMap::new();
        let accepted: Vec<_> = self.written.iter().filter(|written| written.accepted).cloned().collect();
        for written in &accepted {
            let row = self.row(written.id);
            if row.chain.is_empty() {
                continue;
            }
            let revision = highest.entry((written.by, row.chain.to_vec())).or_default();
            *revision = (*revision).max(row.revision);
        }
        for ((by, root), revision) in highest {
            let key = broker::relay::fold::keys::chain(&WHO[by].parse().unwrap(), crate::world::live::id_of(&root));
            let row = self.broker.read(|_, rows| rows.get(&key)).unwrap().unwrap();
            let chain = <proto::record::ChainRow as prost::Message>::decode(row).unwrap();
            assert_eq!(chain.revision, revision, "an earlier revision is in force");
        }
    }
}

/// A region in which a drill is being played, half of the time.
fn begins(with_drill: bool) -> Region {
    let mut region = Region::new();
    if with_drill {
        region.write(0, startex(region.now), None, true).map_err(|kept| format!("{kept:?}")).unwrap();
        region.settles();
    }
    region
}

/// How many histories each test plays.
fn histories() -> Config {
    let cases = std::env::var("LIANDONG_HISTORIES").map_or(50, |cases| cases.parse().expect("a number"));
    Config { cases, failure_persistence: None, ..Config::default() }
}

fn wild(with_drill: bool, events: &[Event]) {
    let mut region = begins(with_drill);
    for event in events {
        region.happens(event);
    }
    region.ends();
}

/// How a desk sees a matter: who, by which messages, and where it stands.
type Seen = (usize, Vec<MessageId>, AnyMachine);

/// Each message is everywhere before the next is written: then desks that saw the same messages of a matter see it alike.
fn calm(with_drill: bool, choices: &[Choice]) {
    let mut region = begins(with_drill);
    for choice in choices {
        region.writes(*choice, false);
        region.settles();
    }
    let mut seen: BTreeMap<Vec<u8>, Vec<Seen>> = BTreeMap::new();
    for who in 0..WHO.len() {
        for state in region.matters(who) {
            let key = agent::fold::keys::matter(&state.matter);
            let messages = region.messages_of(who, &key);
            seen.entry(key.to_vec()).or_default().push((who, messages, state.thread.unwrap().machine));
        }
    }
    for desks in seen.values() {
        for (one, other) in desks.iter().zip(desks.iter().skip(1)).filter(|(one, other)| one.1 == other.1) {
            assert_eq!(one.2, other.2, "{} and {} see one matter differently", WHO[one.0], WHO[other.0]);
        }
    }
    region.ends();
}

impl Region {
    /// The messages of a matter that a desk sent or received.
    fn messages_of(&mut self, who: usize, matter: &[u8]) -> Vec<MessageId> {
        let ids: Vec<MessageId> = self.written.iter().map(|written| written.id).collect();
        let mut found = Vec::new();
        for id in ids {
            let (sent, received) =
                self.desks[who].read(|_, rows| (query::sent(rows, id).unwrap(), query::received(rows, id).unwrap()));
            let named = sent.map(|row| row.matter).or(received.map(|row| row.matter));
            found.extend(named.filter(|named| named.as_ref() == matter).map(|_| id));
        }
        found
    }
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(event(), 1..60)
}

proptest! {
    #![proptest_config(histories())]

    #[test]
    fn whatever_happens_nothing_that_must_hold_is_broken(events in events()) {
        wild(false, &events);
    }

    #[test]
    fn whatever_happens_in_a_drill_nothing_that_must_hold_is_broken(events in events()) {
        wild(true, &events);
    }

    #[test]
    fn desks_that_saw_the_same_messages_see_a_matter_alike(choices in prop::collection::vec(choice(), 1..25)) {
        calm(false, &choices);
    }

    #[test]
    fn desks_see_a_matter_alike_in_a_drill_too(choices in prop::collection::vec(choice(), 1..25)) {
        calm(true, &choices);
    }
}

#[test]
fn the_histories_are_histories() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut all = Counts::default();
    for _ in 0..100 {
        let choices = prop::collection::vec(choice(), 1..25).new_tree(&mut runner).unwrap().current();
        let mut region = begins(true);
        for choice in &choices {
            let kept = region.sheet(*choice).map(|sheet| region.write(sheet.by, sheet.paper, sheet.before, false));
            all.kept += usize::from(matches!(kept, Some(Err(Kept::Unlawful(_)))));
            region.settles();
        }
        let counts = region.ends();
        all = Counts {
            written: all.written + counts.written,
            accepted: all.accepted + counts.accepted,
            exercises: all.exercises + counts.exercises,
            ..all
        };
    }
    println!("{all:?}");
    assert!(all.accepted > 300 && all.kept > 100 && all.exercises > 20, "{all:?}");
}
