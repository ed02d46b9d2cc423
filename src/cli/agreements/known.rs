//! The agreements that this desk knows: each thread of K54 with its newest terms and where it stands.

use std::collections::BTreeSet;

use model::{kind::Kind, status::Action};
use proto::{v1, v1::body::Body};

use crate::cli::{
    desk::{Client, ask},
    exit::NotFound,
    ids,
    out::Context,
};

/// Threads that are looked through, from the newest on.
const THREADS: u32 = 1_000;

/// One agreement.
pub struct Known {
    /// The header of its newest terms.
    pub header: v1::Header,
    /// The newest terms and their author's word on them.
    pub agreement: v1::Agreement,
    /// Where it stands, and who has said what.
    pub matter: v1::MatterResponse,
}

impl Known {
    /// Its state as the catalogue names it; empty where it cannot be told.
    pub fn state(&self) -> &str {
        self.matter.state.as_ref().map_or("", |state| &state.name)
    }

    /// Signed of all.
    pub fn signed(&self) -> &str {
        self.matter.parts.iter().find(|part| part.name == "signatures").map_or("", |part| &part.detail)
    }

    /// The parties with their words.
    pub fn parties(&self) -> impl Iterator<Item = &v1::PartSeen> {
        self.matter.parts.iter().filter(|part| part.name != "signatures")
    }

    /// Whether this member has yet to say a word.
    pub fn awaits(&self, member: &str) -> bool {
        let mut parties = self.parties();
        parties.any(|part| part.name == member && part.state.as_ref().is_some_and(|state| state.name == "AWAITED"))
    }
}

/// Every agreement, that of the newest message first.
pub async fn all(desk: &mut Client) -> anyhow::Result<Vec<Known>> {
    let ask_for = v1::ThreadsRequest { limit: THREADS, ..v1::ThreadsRequest::default() };
    let lines = desk.threads(ask(ask_for)).await?.into_inner().messages;
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    for header in lines.into_iter().filter_map(|line| line.header) {
        if header.kind == Kind::Agreement.number() && seen.insert(header.originating_message_id.clone()) {
            found.extend(of_thread(desk, header.originating_message_id).await?);
        }
    }
    Ok(found)
}

/// The agreement of a thread; none where its terms did not come here.
async fn of_thread(desk: &mut Client, thread: bytes::Bytes) -> anyhow::Result<Option<Known>> {
    let ask_for = v1::ThreadsRequest { originating_message_id: thread, ..v1::ThreadsRequest::default() };
    let lines = desk.threads(ask(ask_for)).await?.into_inner().messages;
    let states_terms =
        |header: &v1::Header| matches!(Action::from_number(header.action), Some(Action::Originate | Action::Update));
    let headers = lines.into_iter().filter_map(|line| line.header).filter(states_terms);
    let mut newest_first: Vec<v1::Header> = headers.collect();
    newest_first.sort_by_key(|header| std::cmp::Reverse(header.revision));
    for header in newest_first {
        let message_id = header.message_id.clone();
        let shown = desk
            .show(ask(v1::ShowRequest { message_id: message_id.clone(), ..Default::default() }))
            .await?
            .into_inner();
        let body = shown.content.and_then(|content| content.body).and_then(|body| body.body);
        let Some(Body::Agreement(agreement)) = body.filter(has_terms) else { continue };
        let matter = desk.matter(ask(v1::MatterRequest { message_id })).await?.into_inner();
        return Ok(Some(Known { header, agreement, matter }));
    }
    Ok(None)
}

/// A party that changes its word sends an UPDATE as well: that has no terms.
fn has_terms(body: &Body) -> bool {
    matches!(body, Body::Agreement(agreement) if agreement.terms.is_some())
}

/// The agreement that a person means: by its id, or by a message of it.
pub async fn one(desk: &mut Client, id: &str, context: Context) -> anyhow::Result<Known> {
    let known = all(desk).await?;
    let at = known.iter().position(|known| known.agreement.agreement_id == id);
    if let Some(found) = at.and_then(|at| known.into_iter().nth(at)) {
        return Ok(found);
    }
    let unknown = || {
        let zh = format!("本机没有协议 {id}：`liandong agreements ls` 列出全部");
        let en = format!("no agreement {id} is known here: `liandong agreements ls` lists them");
        NotFound(context.say(&zh, &en).to_owned())
    };
    let message_id = ids::resolve(desk, id, context).await.map_err(|_| unknown())?;
    let ask_for = v1::ShowRequest { message_id: message_id.0.to_vec().into(), ..Default::default() };
    let shown = desk.show(ask(ask_for)).await?.into_inner().summary.and_then(|summary| summary.header);
    let thread = shown.filter(|header| header.kind == Kind::Agreement.number()).ok_or_else(unknown)?;
    Ok(of_thread(desk, thread.originating_message_id).await?.ok_or_else(unknown)?)
}
