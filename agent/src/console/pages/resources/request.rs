//! One request with its three parts, side by side: what is asked, what is offered, what is promised and sent.

use model::{ids::MessageId, invalid::Invalid, kind::Kind};
use proto::v1;

use super::board::Card;
use crate::console::{
    Console,
    failure::Failure,
    gate::Seated,
    pages::message::Detail,
    view::{self, Ring},
    words::Words,
};

/// A request and everything that was said on it.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is wanted.
    pub title: String,
    /// The request itself, as it stands now.
    pub asked: Vec<Detail>,
    /// Offers.
    pub offers: Vec<Detail>,
    /// Orders, promises, reports, costs.
    pub accepted: Vec<Detail>,
}

/// Where a request stands.
#[derive(Clone, Debug)]
pub struct Parts {
    /// In a word.
    pub state: String,
    /// Items and missions.
    pub cards: Vec<Card>,
    /// What is owed on it.
    pub rings: Vec<(String, Ring)>,
    /// How many messages it has.
    pub messages: usize,
    /// Where all of it is.
    pub path: String,
}

impl Console {
    /// Everything that was said on a request, for this person.
    pub(super) async fn request(&self, by: &Seated, id: MessageId) -> Result<Request, Failure> {
        let refused = |invalid: Invalid| by.refused(invalid);
        let lines = self.messages_of(id).map_err(refused)?;
        let title = lines.first().map(|line| proto::rules::inert(&line.title)).unwrap_or_default();
        let (mut asked, mut offers, mut accepted) = (Vec::new(), Vec::new(), Vec::new());
        for line in &lines {
            let header = line.header.clone().unwrap_or_default();
            let own = MessageId::try_from(header.message_id.as_ref()).map_err(refused)?;
            let detail = self.detail(by, own, format!("/resources/{id}")).await?;
            match Kind::from_number(header.kind) {
                // a newer revision says all of it anew
                Some(Kind::ResourceRequest) => asked = vec![detail],
                Some(Kind::ResourceOffer) => offers.push(detail),
                _ => accepted.push(detail),
            }
        }
        Ok(Request { title, asked, offers, accepted })
    }

    /// Where a request stands.
    pub(super) fn request_parts(&self, id: MessageId, w: Words) -> Result<Parts, Invalid> {
        let messages = self.messages_of(id)?.len();
        let unknown = || Invalid::new(model::reason::Reason::NotFound, "message_id", "message.known");
        let thread = self.thread(&id.0, &id.0)?.ok_or_else(unknown)?;
        let zone = self.zone();
        let card = |part: &v1::PartSeen| self.card(&thread, part, &part.state.clone().unwrap_or_default(), w);
        let owed = self.owed("").into_iter().filter(|owed| {
            thread.matter.deadlines.iter().any(|own| own.name == owed.name && own.matter == owed.matter)
        });
        let ring = |owed: v1::DeadlineSeen| Some((self.name_of(&owed.jurisdiction, w), Ring::of(&owed, w, zone)?));
        let state = thread.matter.state.clone().unwrap_or_default();
        Ok(Parts {
            state: if w.tag() == "en" { state.name.to_lowercase().replace('_', " ") } else { state.text_zh },
            cards: thread.matter.parts.iter().map(card).collect(),
            rings: owed.filter_map(ring).collect(),
            messages,
            path: format!("/resources/{id}"),
        })
    }

    /// The messages of a thread, oldest first.
    fn messages_of(&self, id: MessageId) -> Result<Vec<v1::MessageSummary>, Invalid> {
        let ask = v1::ThreadsRequest { originating_message_id: id.0.to_vec().into(), ..Default::default() };
        let found = self.desk.threads(&ask)?.messages;
        if found.is_empty() {
            return Err(Invalid::new(model::reason::Reason::NotFound, "message_id", "message.known")
                .detail(view::id_text(&id.0.to_vec().into())));
        }
        Ok(found)
    }
}
