//! The list: which messages, in which bands.

use std::collections::BTreeMap;

use model::{ids::MessageId, invalid::Invalid, precedence::Precedence};
use proto::v1;

use crate::console::{
    Console,
    gate::Form,
    sessions::Person,
    view::{self, Line, Owed},
    words::Words,
};

/// Lines of one page.
const PAGE: u32 = 100;
/// Lines of a page that lists what is owed, however old.
const OWED_MAX: usize = 300;

/// Which part of the list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tab {
    /// Everything that came.
    All,
    /// What we owe an acknowledgement.
    Unacknowledged,
    /// What we owe an answer.
    Unanswered,
    /// What this person has.
    Mine,
    /// What we sent.
    Sent,
}

impl Tab {
    const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::All, "all", "inbox-tab-all"),
        (Self::Unacknowledged, "unacknowledged", "inbox-tab-unacknowledged"),
        (Self::Unanswered, "unanswered", "inbox-tab-unanswered"),
        (Self::Mine, "mine", "inbox-tab-mine"),
        (Self::Sent, "sent", "inbox-tab-sent"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(tab, ..)| *tab == self).map_or("all", |(_, name, _)| name)
    }
}

/// What a page was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Which part.
    pub tab: Tab,
    by_incident: bool,
    before: u64,
    /// The message on the right.
    pub chosen: Option<MessageId>,
}

impl Asked {
    /// From the address of the page.
    pub fn of(to: &str) -> Self {
        let query = Form::read(to.split_once('?').map_or("", |(_, query)| query).as_bytes());
        let tab = Tab::ALL.iter().find(|(_, name, _)| *name == query.get("tab")).map_or(Tab::All, |(tab, ..)| *tab);
        Self {
            tab,
            by_incident: query.get("by") == "incident",
            before: query.get("before").parse().unwrap_or(0),
            chosen: query.get("m").parse().ok(),
        }
    }

    /// Where the same page with its message is.
    pub fn here(&self) -> String {
        match self.chosen {
            Some(id) => self.with(id),
            None => self.list_at(self.before),
        }
    }

    /// Where this list keeps itself fresh.
    pub fn live(&self) -> String {
        format!("/events{}", self.here())
    }

    fn list_at(&self, before: u64) -> String {
        let by = if self.by_incident { "&by=incident" } else { "" };
        let before = if before == 0 { String::new() } else { format!("&before={before}") };
        format!("/inbox?tab={}{by}{before}", self.tab.name())
    }

    fn with(&self, id: MessageId) -> String {
        format!("{}&m={id}", self.list_at(self.before))
    }
}

/// A tab as the page shows it.
#[derive(Clone, Debug)]
pub struct TabItem {
    /// Where.
    pub path: String,
    /// Its word.
    pub word: String,
    /// How many; 0 shows none.
    pub count: u64,
    /// It is this one.
    pub here: bool,
}

/// Lines under one heading.
#[derive(Clone, Debug)]
pub struct Band {
    /// Names the band on the page.
    pub name: String,
    /// The class of its precedence; empty for an incident.
    pub class: &'static str,
    /// The mark of its precedence.
    pub mark: &'static str,
    /// Its heading.
    pub title: String,
    /// Its lines.
    pub lines: Vec<Row>,
    /// Messages in it that may be acknowledged together.
    pub together: Vec<String>,
}

/// One line and where it leads.
#[derive(Clone, Debug)]
pub struct Row {
    /// The line.
    pub line: Line,
    /// Where it opens.
    pub path: String,
    /// It stands on the right.
    pub chosen: bool,
}

/// The list.
#[derive(Clone, Debug)]
pub struct List {
    /// Tabs.
    pub tabs: Vec<TabItem>,
    /// Bands that are not empty.
    pub bands: Vec<Band>,
    /// Nothing is here: why, and what to do.
    pub empty: &'static str,
    /// Where older ones are; empty at the end.
    pub older: String,
    /// Where the newest ones are; empty when they are here.
    pub newest: String,
    /// Where the same list grouped in the other way is, and the key of its word.
    pub grouped: (String, &'static str),
    /// What forms carry.
    pub token: String,
    /// Where forms come back to.
    pub here: String,
    /// The person may act.
    pub acting: bool,
    /// The person's name, under which opening is told.
    pub person: String,
    /// Sent, not received.
    pub sent: bool,
}

impl Console {
    /// The list that was asked for.
    pub(super) fn list(&self, person: &Person, asked: &Asked, w: Words) -> Result<List, Invalid> {
        let ours = self.owed_by_us();
        let counts = (
            ours.iter().filter(|owed| view::is_acknowledgement(owed)).count() as u64,
            ours.iter().filter(|owed| !view::is_acknowledgement(owed)).count() as u64,
        );
        let owed = view::by_message(ours);
        let (lines, next) = match asked.tab {
            Tab::Sent => self.sent(asked, w)?,
            Tab::All => self.received(asked, &owed, w)?,
            Tab::Mine => {
                let (mut lines, next) = self.received(asked, &owed, w)?;
                lines.retain(|line| line.held_by == person.name);
                (lines, next)
            }
            Tab::Unacknowledged => (self.owing(&owed, view::is_acknowledgement, w)?, 0),
            Tab::Unanswered => (self.owing(&owed, |owed| !view::is_acknowledgement(owed), w)?, 0),
        };
        let rows = lines.into_iter().map(|line| {
            let id = line.id.parse().ok();
            let path = id.map_or_else(String::new, |id| asked.with(id));
            Row { chosen: id.is_some() && id == asked.chosen, path, line }
        });
        let acting = person.acting && person.post.acts_for_the_desk();
        let bands = bands(rows.collect(), asked.by_incident, w);
        let other = Asked { by_incident: !asked.by_incident, before: 0, ..*asked };
        Ok(List {
            tabs: tabs(asked, counts, w),
            empty: if bands.is_empty() { empty(asked.tab) } else { "" },
            bands,
            older: if next == 0 { String::new() } else { asked.list_at(next) },
            newest: if asked.before == 0 { String::new() } else { asked.list_at(0) },
            grouped: (other.list_at(0), if asked.by_incident { "inbox-by-precedence" } else { "inbox-by-incident" }),
            token: person.token.clone(),
            here: asked.here(),
            acting,
            person: person.name.clone(),
            sent: asked.tab == Tab::Sent,
        })
    }

    /// A page of what came; on the first one also what is owed, however old it is.
    fn received(&self, asked: &Asked, owed: &Owed, w: Words) -> Result<(Vec<Line>, u64), Invalid> {
        let ask = v1::InboxRequest { limit: PAGE, before: asked.before, ..Default::default() };
        let v1::InboxResponse { messages, next } = self.desk.inbox(&ask)?;
        let mut lines: Vec<Line> =
            messages.iter().map(|one| self.received_line(one, owed, w)).collect::<Result<_, _>>()?;
        if asked.before == 0 {
            let here: Vec<String> = lines.iter().map(|line| line.id.clone()).collect();
            let older = self.owing(owed, |_| true, w)?;
            lines.extend(older.into_iter().filter(|line| !here.contains(&line.id)));
        }
        Ok((lines, next))
    }

    /// Messages from others on which we owe something, newest first.
    fn owing(&self, owed: &Owed, wanted: impl Fn(&v1::DeadlineSeen) -> bool, w: Words) -> Result<Vec<Line>, Invalid> {
        let ids = owed.iter().filter(|(_, all)| all.iter().any(&wanted)).map(|(id, _)| id.as_slice());
        let ids = ids.filter_map(|id| MessageId::try_from(id).ok());
        let us = self.desk.names.jurisdiction().as_str();
        let mut found = Vec::new();
        for id in ids.take(OWED_MAX) {
            // what is owed because of a message of ours is listed there
            let Ok(summary) = self.desk.summary(id) else { continue };
            let sender = summary.header.as_ref().and_then(|header| header.sender.as_ref());
            if sender.is_some_and(|sender| sender.jurisdiction != us) {
                found.push(self.received_line(&summary, owed, w)?);
            }
        }
        found.sort_by_key(|line| std::cmp::Reverse(line.cursor));
        Ok(found)
    }

    /// A page of what we sent: who owes an answer longest comes first.
    fn sent(&self, asked: &Asked, w: Words) -> Result<(Vec<Line>, u64), Invalid> {
        let us = self.desk.names.jurisdiction().as_str();
        let owed = view::by_message(self.owed("").into_iter().filter(|owed| owed.jurisdiction != us).collect());
        let ask = v1::InboxRequest { sent: true, limit: PAGE, before: asked.before, ..Default::default() };
        let v1::InboxResponse { messages, next } = self.desk.inbox(&ask)?;
        let mut lines: Vec<Line> = messages.iter().map(|one| self.sent_line(one, &owed, w)).collect();
        lines.sort_by_key(|line| line.owed_since.unwrap_or(i64::MAX));
        Ok((lines, next))
    }
}

fn tabs(asked: &Asked, (unacknowledged, unanswered): (u64, u64), w: Words) -> Vec<TabItem> {
    let item = |(tab, _, key): &(Tab, &'static str, &'static str)| TabItem {
        path: Asked { tab: *tab, before: 0, chosen: None, ..*asked }.list_at(0),
        word: w.t(key),
        count: match tab {
            Tab::Unacknowledged => unacknowledged,
            Tab::Unanswered => unanswered,
            Tab::All | Tab::Mine | Tab::Sent => 0,
        },
        here: *tab == asked.tab,
    };
    Tab::ALL.iter().map(item).collect()
}

const fn empty(tab: Tab) -> &'static str {
    match tab {
        Tab::All => "inbox-empty-all",
        Tab::Unacknowledged => "inbox-empty-unacknowledged",
        Tab::Unanswered => "inbox-empty-unanswered",
        Tab::Mine => "inbox-empty-mine",
        Tab::Sent => "inbox-empty-sent",
    }
}

fn bands(rows: Vec<Row>, by_incident: bool, w: Words) -> Vec<Band> {
    if by_incident { of_incidents(rows, w) } else { of_precedences(rows, w) }
}

fn of_precedences(rows: Vec<Row>, w: Words) -> Vec<Band> {
    let mut by: BTreeMap<Option<Precedence>, Vec<Row>> = BTreeMap::new();
    for row in rows {
        by.entry(row.line.of.or(Some(Precedence::Routine))).or_default().push(row);
    }
    let band = |(of, lines): (Option<Precedence>, Vec<Row>)| {
        let (mark, class) = view::badge(of);
        let together = if of == Some(Precedence::Routine) {
            lines.iter().filter(|row| row.line.to_acknowledge).map(|row| row.line.id.clone()).collect()
        } else {
            Vec::new()
        };
        let title = w.precedence(of.map_or(0, Precedence::number));
        Band { name: format!("band-{class}"), class, mark, title, lines, together }
    };
    by.into_iter().map(band).collect()
}

/// Incidents in the order of their most urgent, then newest message.
fn of_incidents(rows: Vec<Row>, w: Words) -> Vec<Band> {
    let mut bands: Vec<Band> = Vec::new();
    for row in rows {
        let incident = row.line.incident.clone();
        if let Some(band) = bands.iter_mut().find(|band| band.name == format!("incident-{incident}")) {
            band.lines.push(row);
            continue;
        }
        let title = if incident.is_empty() { w.t("inbox-no-incident") } else { incident.clone() };
        let name = format!("incident-{incident}");
        bands.push(Band { name, class: "incident", mark: "", title, lines: vec![row], together: Vec::new() });
    }
    bands.sort_by_key(|band| band.lines.iter().filter_map(|row| row.line.of).min());
    bands
}
