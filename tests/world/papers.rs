//! Papers of every kind: the contract's own example, made to say what a story needs.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use model::ids::MessageId;
use model::kind::Kind;
use model::time::Timestamp;
use proto::rules;
use proto::status::Lang;
use proto::v1;

use super::drafts::{INCIDENT, jurisdiction};

/// A draft in the making.
#[derive(Clone)]
pub struct Paper(pub v1::Draft);

/// Examples that were made: each is asked for many times.
static MADE: Mutex<BTreeMap<(Kind, Timestamp), v1::Draft>> = Mutex::new(BTreeMap::new());
/// Examples that are kept.
const MADE_MAX: usize = 1_000;

fn example(kind: Kind, now: Timestamp) -> v1::Draft {
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if made.len() > MADE_MAX {
        made.clear();
    }
    made.entry((kind, now)).or_insert_with(|| rules::example(kind, Lang::Zh, now)).clone()
}

/// A paper of a kind whose body a closure changes, as the type of that kind.
macro_rules! paper {
    ($kind:ident, $now:expr, $change:expr) => {{
        let mut paper = $crate::world::papers::Paper::of(::model::kind::Kind::$kind, $now);
        match paper.body() {
            ::proto::v1::body::Body::$kind(body) => $crate::world::papers::change(body, $change),
            other => panic!("the example of {} is {other:?}", stringify!($kind)),
        }
        paper
    }};
}
pub(crate) use paper;

/// Changes a body; its type comes from the body.
pub fn change<T>(body: &mut T, change: impl FnOnce(&mut T)) {
    change(body);
}

impl Paper {
    /// The contract's example of a kind, to XZ, about the incident of the tests if about any.
    pub fn of(kind: Kind, now: Timestamp) -> Self {
        Self(example(kind, now)).header(|header| {
            if !header.incident_id.is_empty() {
                INCIDENT.clone_into(&mut header.incident_id);
            }
        })
    }

    /// Its body, to be changed.
    pub fn body(&mut self) -> &mut v1::body::Body {
        self.0.body.as_mut().and_then(|body| body.body.as_mut()).expect("an example has a body")
    }

    /// With another header.
    pub fn header(mut self, change: impl FnOnce(&mut v1::Header)) -> Self {
        change(self.0.header.get_or_insert_default());
        self
    }

    /// To these jurisdictions.
    pub fn to(self, ids: &[&str]) -> Self {
        self.header(|header| header.recipients = ids.iter().map(|id| jurisdiction(id)).collect())
    }

    /// To whoever this address leads to.
    pub fn at(self, address: v1::Address) -> Self {
        self.header(|header| header.recipients = vec![address])
    }

    /// As what follows an earlier message: an update of an own one of the same kind, else a reply.
    pub fn follows(self, id: MessageId) -> Self {
        self.header(|header| header.preceding_message_id = Bytes::copy_from_slice(&id.0))
    }

    /// With a precedence of its own.
    pub fn precedence(self, precedence: v1::Precedence) -> Self {
        self.header(|header| header.precedence = precedence.into())
    }

    /// About an event of this level.
    pub fn level(self, level: v1::EventLevel) -> Self {
        self.header(|header| {
            header.event_level = level.into();
            header.precedence = 0;
        })
    }

    /// Says how final it is.
    pub fn answer(self, answer: v1::Answer) -> Self {
        self.header(|header| header.answer = answer.into())
    }

    /// Inside a drill.
    pub fn exercise(self, drill_id: &str) -> Self {
        self.header(|header| {
            header.status = v1::Status::Exercise.into();
            header.drill = Some(v1::DrillRef { drill_id: drill_id.into(), control: 0 });
        })
    }
}
