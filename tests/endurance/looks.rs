//! What must always be true, looked at after every hour.
//!
//! | invariant | how it is looked at | how often |
//! |---|---|---|
//! | I1 | whatever a desk knows as accepted is settled, however often programs were killed | each hour |
//! | I2 | each accepted message came once to each recipient or came to an end, and its sender knows which | each hour |
//! | I3 | no revision that was accepted is newer than the one in force at the broker | each hour |
//! | I5, I6 | committed ≤ ordered ≤ offered, at both desks of a matter of resources that took a step | each hour |
//! | I7 | every program's rows, folded anew from its journal, are equal | at the end |
//! | I9 | receipts of an earlier message are there, and verify | one an hour |
//! | I10 | no broker and no desk refused anything of the others' | each hour |
//! | I13 | an earlier envelope that comes again is answered as a duplicate, and comes to nobody | one an hour |
//! | I14 | who comes back gets FLASH first, then by precedence, and every expiry is known to its sender | at the return |
//!
//! I4, I11 and I12 are asked elsewhere (`scenarios/histories`, `scenarios/chlorine`); I8 is not built.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use agent::fold::{keys::table, query};
use bytes::Bytes;
use model::deadline::DeadlineName;
use model::ids::MessageId;
use model::stage::Stage;
use model::task::TaskKind;
use model::thread::{AnyMachine, Matter};
use prost::Message as _;
use proto::record::{ChainRow, ListRow, MemberCardRow};
use proto::v1;

use crate::days::Days;
use crate::traffic::CAST;
use crate::world::live::id_of;

/// What was seen so far.
#[derive(Debug, Default)]
pub struct Looks {
    /// How far each agent's lists were read.
    sent_to: [u64; CAST.len()],
    inbox_to: [u64; CAST.len()],
    /// What came to each.
    came: [HashSet<MessageId>; CAST.len()],
    /// What the broker told each: the event, and whether it was of an answer.
    told: [HashSet<(Bytes, bool)>; CAST.len()],
    /// Messages that somebody who is away has not got yet.
    later: Vec<(usize, MessageId)>,
    /// Where deliveries ended, by stage.
    pub ends: BTreeMap<&'static str, u64>,
    /// Messages, by kind.
    pub kinds: BTreeMap<i32, u64>,
    /// Notices that somebody got.
    pub notices: u64,
    /// Duplicates that were handed in.
    pub duplicates: u64,
    /// Whose, which deadline; in time, late and not done, at the broker and at its own agent.
    pub cards: Vec<(&'static str, DeadlineName, [u64; 3], [u64; 3])>,
    /// Steps that a desk did not take as lawful, by reason and rule.
    pub objections: BTreeMap<String, u64>,
    /// Telephone calls that the loss of a line asked for.
    pub calls: u64,
}

impl Looks {
    /// Looks at everything that changed since.
    pub async fn after_an_hour(&mut self, days: &mut Days) {
        let sent = self.came_and_went(days);
        if days.away.is_none() {
            let later = std::mem::take(&mut self.later);
            for (by, id) in later {
                self.is_settled(days, by, id);
            }
        }
        for (by, id) in &sent {
            self.is_settled(days, *by, *id);
            revision_is_in_force(days, *by, *id);
        }
        for (by, with, first) in days.traffic.touched() {
            [by, with].into_iter().filter(|at| Some(*at) != days.away).for_each(|at| items_add_up(days, at, first));
        }
        if !sent.is_empty() {
            let (by, id) = sent[usize::try_from(days.traffic.below(sent.len() as u64)).unwrap()];
            receipts_are_there(days, by, id);
            self.again(days, by, id).await;
        }
        let refused = days.world.relay().engine.read(|fold, _| fold.state().tallies.refused.clone());
        assert!(refused.is_empty(), "the broker refused something lawful: {refused:?}");
    }

    /// Reads on in every list: what was sent, by whom; what came is written down, each once.
    fn came_and_went(&mut self, days: &Days) -> Vec<(usize, MessageId)> {
        let mut sent = Vec::new();
        for (at, city) in CAST.iter().enumerate() {
            let desk = days.world.agent(city).inside();
            let ours = fresh(desk, table::SENT_LIST, &mut self.sent_to[at]);
            sent.extend(ours.into_iter().map(|id| (at, id)));
            for id in fresh(desk, table::INBOX, &mut self.inbox_to[at]) {
                assert!(self.came[at].insert(id), "{id} came to {city} twice");
                self.is_told(days, at, id);
            }
        }
        sent
    }

    /// Somebody wrote what came; a notice of the broker's tells each event once.
    fn is_told(&mut self, days: &Days, at: usize, id: MessageId) {
        let desk = days.world.agent(CAST[at]).inside();
        let row = desk.engine.read(|_, rows| query::received(rows, id)).unwrap().expect("a row");
        if let Some(by) = CAST.iter().find(|city| **city == row.sender) {
            let author = days.world.agent(by).inside();
            let known = author.engine.read(|_, rows| query::sent(rows, id)).unwrap();
            assert!(known.is_some(), "{id} came to {}, and {by} never wrote it", CAST[at]);
            self.objected(desk, id);
            return;
        }
        let (envelope, _) = desk.envelope(id).unwrap().expect("an envelope");
        let body = v1::Content::decode(envelope.content).unwrap().body.and_then(|body| body.body);
        let Some(v1::body::Body::DeadlineNotice(notice)) = body else { panic!("{body:?}") };
        let event = (notice.event_id, notice.met_at.is_some());
        assert!(self.told[at].insert(event), "{} was told one rung twice", CAST[at]);
        self.notices += 1;
    }

    /// Whoever did not take a step as lawful says so.
    fn objected(&mut self, desk: &agent::desk::Desk, id: MessageId) {
        let (envelope, _) = desk.envelope(id).unwrap().expect("an envelope");
        let body = v1::Content::decode(envelope.content).unwrap().body.and_then(|body| body.body);
        if let Some(v1::body::Body::Error(error)) = body {
            *self.objections.entry(format!("{} {}", error.reason, error.rule)).or_default() += 1;
        }
    }

    /// A message stands once with each recipient or came to an end, and its sender knows which. What is for somebody who is
    /// away is looked at again.
    fn is_settled(&mut self, days: &Days, by: usize, id: MessageId) {
        let desk = days.world.agent(CAST[by]).inside();
        let (row, deliveries) = desk
            .engine
            .read(|_, rows| (query::sent(rows, id).unwrap().expect("a row"), query::deliveries(rows, id).unwrap()));
        if row.refused_at != 0 {
            let refusal = desk.summary(id).unwrap().refusal.unwrap_or_default();
            panic!("the broker refused {id} of {}: {refusal:?}", CAST[by]);
        }
        if row.accepted_epoch.is_empty() && Some(by) == days.away {
            self.later.push((by, id));
            return;
        }
        assert!(!row.accepted_epoch.is_empty(), "{id} of {} is not accepted", CAST[by]);
        let mut waits = false;
        for (recipient, delivery) in deliveries {
            let stage = agent::fold::stage_of(delivery.stage).expect("a stage");
            let at = CAST.iter().position(|city| *city == recipient.as_str()).expect("a member");
            if stage == Stage::Accepted {
                assert_eq!(Some(at), days.away, "{id} waits for {recipient}");
                waits = true;
                continue;
            }
            let came = self.came[at].contains(&id);
            assert_eq!(came, !stage.is_negative(), "{id} for {recipient}: its sender knows {stage:?}");
            *self.ends.entry(if came { "DELIVERED" } else { stage.name() }).or_default() += 1;
        }
        if waits {
            self.later.push((by, id));
        } else {
            *self.kinds.entry(i32::try_from(row.kind).unwrap()).or_default() += 1;
        }
    }

    /// An envelope that is known comes again, from whoever sealed it: the answer is that of the first.
    async fn again(&mut self, days: &Days, by: usize, id: MessageId) {
        let (envelope, _) = days.world.agent(CAST[by]).inside().envelope(id).unwrap().expect("an envelope");
        if Some(by) == days.away {
            return;
        }
        let counted = || days.world.relay().engine.read(|fold, _| fold.state().tallies.duplicates);
        let before = counted();
        let bare = days.world.bare(CAST[by]);
        let told = bare.submit(days.world.broker_address(), envelope).await.unwrap();
        assert_eq!((told.message_id.as_ref(), told.stage()), (id.0.as_slice(), v1::Stage::Accepted));
        assert!(counted() > before, "{id} was known");
        self.duplicates += 1;
    }

    /// Who was away for days is back: what waited came by precedence.
    pub fn is_back(&mut self, days: &Days, at: usize, waited: &[(u32, MessageId)]) {
        let desk = days.world.agent(CAST[at]).inside();
        let mut to = self.inbox_to[at];
        let came = fresh(desk, table::INBOX, &mut to);
        let waited: BTreeMap<MessageId, u32> = waited.iter().map(|(precedence, id)| (*id, *precedence)).collect();
        let order: Vec<u32> = came.iter().filter_map(|id| waited.get(id).copied()).collect();
        assert_eq!(order.len(), waited.len(), "all that waited came");
        let places = |precedence: u32| {
            let places = order.iter().enumerate().filter(move |(_, of)| **of == precedence).map(|(place, _)| place);
            places.collect::<Vec<_>>()
        };
        assert_eq!(order.first(), order.iter().min(), "the most urgent first");
        let all: BTreeSet<u32> = order.iter().copied().collect();
        // in thousandths of a place
        let mean = |places: &[usize]| places.iter().sum::<usize>() * 1_000 / places.len();
        let means: Vec<usize> = all.iter().map(|precedence| mean(&places(*precedence))).collect();
        assert!(means.is_sorted(), "by precedence: {means:?}");
        let last_flash = places(1).last().map_or(0, |place| place + 1);
        println!(
            "  {} was away: {} waited, the {} FLASH were the first {last_flash}",
            CAST[at],
            order.len(),
            places(1).len()
        );
    }

    /// Nothing is on its way any more; nobody was asked to call twice about one message and one recipient.
    pub fn at_the_end(&mut self, days: &Days) {
        assert_eq!(self.later, [], "everything is settled");
        days.world.relay().engine.read(|_, rows| {
            use broker::relay::fold::keys::table::{EXPIRY, WAITING};
            for table in [EXPIRY, WAITING] {
                assert_eq!(rows.scan(&[table], &[table], 1).unwrap(), [], "nothing waits and nothing can expire");
            }
        });
        let broker = cards_at_the_broker(days);
        for city in CAST {
            let desk = days.world.agent(city).inside();
            let own = card_at_its_own(desk);
            for name in DeadlineName::ALL.iter().copied().filter(|name| name.is_run_by_broker()) {
                let there = broker.get(&(city.to_owned(), name)).copied().unwrap_or_default();
                let here = own.get(&name).copied().unwrap_or_default();
                self.cards.push((city, name, there, here));
            }
            let tasks = desk.engine.read(|_, rows| query::tasks(rows)).unwrap();
            let calls =
                tasks.iter().filter(|(_, task)| i32::try_from(task.kind) == Ok(TaskKind::VoiceFallback.number()));
            let calls: Vec<_> = calls.map(|(_, task)| (task.message_id.clone(), task.about.clone())).collect();
            let once: BTreeSet<_> = calls.iter().collect();
            assert_eq!(once.len(), calls.len(), "{city} was asked twice to call about one message and recipient");
            self.calls += calls.len() as u64;
        }
    }
}

/// How each member kept each deadline, as the broker knows.
fn cards_at_the_broker(days: &Days) -> BTreeMap<(String, DeadlineName), [u64; 3]> {
    let cards = days.world.relay().engine.read(|_, rows| broker::relay::fold::cards(rows)).unwrap();
    let counts = |card: MemberCardRow| [card.on_time, card.late, card.missing];
    cards.into_iter().map(|((who, name), card)| ((who.to_string(), name), counts(card))).collect()
}

/// The same of its own, on the report card at a desk.
fn card_at_its_own(desk: &agent::desk::Desk) -> BTreeMap<DeadlineName, [u64; 3]> {
    let cards = desk.engine.read(|_, rows| query::cards(rows)).unwrap();
    let own = cards.into_iter().filter(|((who, _), _)| who == desk.names.jurisdiction());
    own.map(|((_, name), card)| (name, [card.on_time, card.late, card.missing])).collect()
}

/// What stands in a list behind `to`, oldest first; `to` moves on.
fn fresh(desk: &agent::desk::Desk, list: u8, to: &mut u64) -> Vec<MessageId> {
    const PAGE: usize = 500;
    let (mut found, mut before, upto): (Vec<(u64, ListRow)>, u64, u64) = (Vec::new(), 0, *to);
    loop {
        let page = desk.engine.read(|_, rows| query::list(rows, list, before, PAGE)).unwrap();
        let (full, newer) = (page.len() == PAGE, page.into_iter().filter(|(cursor, _)| *cursor > upto));
        let had = found.len();
        found.extend(newer);
        before = found.last().map_or(0, |(cursor, _)| *cursor);
        if !full || found.len() - had < PAGE {
            break;
        }
    }
    *to = found.first().map_or(upto, |(cursor, _)| *cursor);
    found.into_iter().rev().map(|(_, row)| id_of(&row.message_id)).collect()
}

fn items_add_up(days: &Days, at: usize, first: MessageId) {
    let agent = days.world.agent(CAST[at]);
    let key = agent::fold::keys::matter(&Matter::Thread(first));
    let state = agent.inside().engine.read(|_, rows| agent::fold::matters::read_matter(rows, &key)).unwrap();
    let Some(AnyMachine::Resource(request)) = state.and_then(|state| state.thread).map(|thread| thread.machine) else {
        return;
    };
    for item in 1..4 {
        let tally = request.tally(item, agent.clock.now());
        let adds_up = tally.committed <= tally.ordered && tally.ordered <= tally.offered;
        assert!(adds_up, "at {}, item {item} of {first}: {tally:?}", CAST[at]);
    }
}

fn revision_is_in_force(days: &Days, by: usize, id: MessageId) {
    let desk = days.world.agent(CAST[by]).inside();
    let row = desk.engine.read(|_, rows| query::sent(rows, id)).unwrap().expect("a row");
    if row.revision < 2 || row.accepted_epoch.is_empty() {
        return;
    }
    let key = broker::relay::fold::keys::chain(&CAST[by].parse().unwrap(), id_of(&row.originating));
    let chain = days.world.relay().engine.read(|_, rows| rows.get(&key)).unwrap();
    let chain = chain.map(|row| ChainRow::decode(row).unwrap());
    assert!(chain.is_none_or(|chain| chain.revision >= row.revision), "an earlier revision of {id} is in force");
}

/// Receipts of a message are still there, those of its recipients too, and all of them verify.
fn receipts_are_there(days: &Days, by: usize, id: MessageId) {
    let agent = days.world.agent(CAST[by]);
    if Some(by) == days.away {
        return;
    }
    let receipts = agent.receipts(id);
    assert!(receipts.iter().any(|(stage, _)| *stage == v1::Stage::Accepted), "{id}: {receipts:?}");
}
