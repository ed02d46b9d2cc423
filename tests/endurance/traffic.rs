//! What a region writes in a month: matters of every sort, each gone on with by whoever's turn it is, and acknowledged by
//! people who are mostly in time.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use model::ids::MessageId;
use model::kind::Kind;
use model::time::Timestamp;
use proto::v1;

use crate::papers;
use crate::world::dice::Dice;
use crate::world::papers::{Paper, paper};
use crate::world::region::{JN, JS, LY, LYG, RZ, SD, TA, WF, XZ, ZB, ZZ};

/// The nine cities, then their superiors.
pub const CAST: [&str; 11] = [LY, XZ, LYG, RZ, ZZ, JN, TA, ZB, WF, SD, JS];
/// How many of them are cities.
pub const CITIES: usize = 9;
/// Matters that are gone on with; the oldest give way.
const OPEN_MAX: usize = 400;

/// A sort of matter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sort {
    Report,
    Alert,
    Aid,
    Joint,
    Verification,
    Played,
    /// A message of this kind, and nothing after it.
    Single(Kind),
}

/// Kinds of which one message is a whole matter here.
const SINGLE: [Kind; 5] =
    [Kind::SituationReport, Kind::Bulletin, Kind::ConsultationCall, Kind::ActionItem, Kind::Agreement];

/// A matter that goes on.
#[derive(Clone, Debug)]
pub struct Matter {
    sort: Sort,
    /// Who began it, and with whom.
    by: usize,
    with: usize,
    /// Messages so far: the first, the newest, and how many.
    pub first: MessageId,
    newest: MessageId,
    /// What later messages name: the order's or response's id.
    third: MessageId,
    step: u32,
    incident: String,
    level: v1::EventLevel,
    /// Names its order, mission and resource.
    number: u64,
    drill: String,
    /// Nobody goes on with it before.
    at: Timestamp,
}

/// A message to be written.
pub struct Turn {
    pub by: usize,
    pub to: usize,
    pub paper: Paper,
    pub sort: String,
    matter: Matter,
}

/// What is written, by a seed.
pub struct Traffic {
    dice: Dice,
    /// Matters that go on, by when somebody may go on with them.
    open: BTreeMap<(i64, u64), Matter>,
    /// Matters of resources that took a step since somebody looked.
    touched: Vec<Matter>,
    count: u64,
    /// The drill that is being played, and with whom.
    drill: Option<(String, Vec<String>)>,
    /// Whom people have to answer, and when they will.
    people: BTreeMap<(i64, u64), Answer>,
}

/// What a person does.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    pub at: usize,
    pub about: MessageId,
}

impl Traffic {
    pub fn of(dice: Dice) -> Self {
        Self { dice, open: BTreeMap::new(), touched: Vec::new(), count: 0, drill: None, people: BTreeMap::new() }
    }

    /// What somebody writes now: the next step of a matter that `has` come to its author, or a matter that begins.
    /// `silent` writes nothing.
    pub fn turn(&mut self, now: Timestamp, silent: Option<usize>, has: impl Fn(usize, MessageId) -> bool) -> Turn {
        // most often, for a month is not made of first messages
        if self.dice.below(12) > 0 {
            let ready = |matter: &Matter| {
                let author = matter.author();
                matter.at <= now && Some(author) != silent && has(author, matter.newest)
            };
            let first = self.open.iter().find(|(_, matter)| ready(matter)).map(|(at, _)| *at);
            if let Some(matter) = first.and_then(|at| self.open.remove(&at)) {
                return matter.turn(now);
            }
        }
        self.begins(now, silent).turn(now)
    }

    fn begins(&mut self, now: Timestamp, silent: Option<usize>) -> Matter {
        let sort = match self.dice.below(100) {
            0..22 => Sort::Report,
            22..30 => Sort::Alert,
            30..50 => Sort::Aid,
            50..64 => Sort::Joint,
            64..74 => Sort::Verification,
            74..80 if self.drill.is_some() => Sort::Played,
            _ => Sort::Single(*self.dice.pick(&SINGLE)),
        };
        let (by, with) = self.pair(silent);
        let sort = if sort == Sort::Played && !self.plays(by, with) { Sort::Report } else { sort };
        let level = match self.dice.below(100) {
            0..2 => v1::EventLevel::L1,
            2..7 => v1::EventLevel::L2,
            7..25 => v1::EventLevel::L3,
            _ => v1::EventLevel::L4,
        };
        self.count += 1;
        let day = now.civil(480);
        // an id has four digits: the number of the day's incident
        let incident =
            format!("{}-{:04}{:02}{:02}-{:04}", CAST[by], day.year, day.month, day.day, self.count % 9_999 + 1);
        let none = MessageId([0; 16]);
        Matter {
            sort,
            by,
            with,
            first: none,
            newest: none,
            third: none,
            step: 0,
            incident,
            level,
            number: self.count,
            drill: self.drill.clone().unwrap_or_default().0,
            at: now,
        }
    }

    /// Both take part in the drill.
    fn plays(&self, by: usize, with: usize) -> bool {
        let takes_part = |at: usize| {
            self.drill.as_ref().is_some_and(|(_, players)| at == 0 || players.iter().any(|player| player == CAST[at]))
        };
        takes_part(by) && takes_part(with)
    }

    /// Two cities; whoever is silent is at most the second.
    fn pair(&mut self, silent: Option<usize>) -> (usize, usize) {
        loop {
            let mut city = || usize::try_from(self.dice.below(CITIES as u64)).unwrap();
            let (by, with) = (city(), city());
            if by != with && Some(by) != silent {
                return (by, with);
            }
        }
    }

    /// A turn was taken: `id` is queued at its author's desk. Its matter goes on, and a person will answer it.
    pub fn written(&mut self, turn: Turn, id: MessageId, now: Timestamp) {
        let Turn { to, mut matter, .. } = turn;
        let after = match self.dice.below(200) {
            0 => None,
            1..8 => Some(60 + self.dice.below(240)),
            _ => Some(1 + self.dice.below(9)),
        };
        if let Some(minutes) = after {
            self.answers_later(Answer { at: to, about: id }, now.plus(Duration::from_mins(minutes)));
        }
        matter.took_step(id, now.plus(Duration::from_mins(5 + self.dice.below(40))));
        if matter.sort == Sort::Aid {
            self.touched.push(matter.clone());
        }
        if !matter.is_over() {
            self.open.insert((matter.at.millis(), matter.number), matter);
        }
        if self.open.len() > OPEN_MAX {
            self.open.pop_first();
        }
    }

    /// A person answers at `at`.
    pub fn answers_later(&mut self, answer: Answer, at: Timestamp) {
        self.count += 1;
        self.people.insert((at.millis(), self.count), answer);
    }

    /// What people do until now.
    pub fn answers(&mut self, now: Timestamp) -> Vec<Answer> {
        let later = self.people.split_off(&(now.millis() + 1, 0));
        std::mem::replace(&mut self.people, later).into_values().collect()
    }

    /// Matters of resources that took a step since this was asked last: by whom, with whom, and their first message.
    pub fn touched(&mut self) -> Vec<(usize, usize, MessageId)> {
        let touched = std::mem::take(&mut self.touched);
        touched.into_iter().map(|matter| (matter.by, matter.with, matter.first)).collect()
    }

    /// The order that begins a drill: what is played until it ends is of this drill.
    pub fn startex(&mut self, now: Timestamp, id: String, with: &[&str]) -> Paper {
        let order = paper!(DrillControl, now, |_body| {}).to(with);
        let order = about(order, &id, v1::DrillControlVerb::Startex.into());
        self.drill = Some((id, with.iter().map(ToString::to_string).collect()));
        order
    }

    /// The order that ends the drill, if one is being played.
    pub fn endex(&mut self, now: Timestamp) -> Option<Paper> {
        let (id, with) = self.drill.take()?;
        let with: Vec<&str> = with.iter().map(String::as_str).collect();
        let order = paper!(DrillControl, now, |_body| {}).to(&with);
        Some(about(order, &id, v1::DrillControlVerb::Endex.into()))
    }

    /// One of a seed's numbers below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.dice.below(end)
    }
}

impl Matter {
    /// Whose turn it is.
    fn author(&self) -> usize {
        let answers = match self.sort {
            Sort::Aid => self.step == 1 || self.step >= 3,
            Sort::Joint | Sort::Verification => self.step >= 1,
            Sort::Report | Sort::Alert | Sort::Played | Sort::Single(_) => false,
        };
        if answers { self.with } else { self.by }
    }

    fn is_over(&self) -> bool {
        let steps = match self.sort {
            Sort::Report => 4,
            Sort::Alert => 3,
            Sort::Aid => 8,
            Sort::Joint => 6,
            Sort::Verification => 2,
            Sort::Played | Sort::Single(_) => 1,
        };
        self.step >= steps
    }

    fn took_step(&mut self, id: MessageId, next: Timestamp) {
        if self.step == 0 {
            self.first = id;
        }
        let named = matches!((self.sort, self.step), (Sort::Joint, 1) | (Sort::Aid, 3));
        if named {
            self.third = id;
        }
        (self.newest, self.step, self.at) = (id, self.step + 1, next);
    }

    fn turn(self, now: Timestamp) -> Turn {
        let by = self.author();
        let to = if by == self.by { self.with } else { self.by };
        // one example an hour: making one takes its time. Clocks may be slow by a minute and a half
        let hour = Duration::from_hours(1).as_millis() as i64;
        let hour = Timestamp::from_millis(now.millis() - now.millis() % hour).minus(Duration::from_mins(5));
        let paper = self.paper(hour).to(&[CAST[to]]);
        let paper = paper.header(|header| {
            if !header.incident_id.is_empty() {
                header.incident_id.clone_from(&self.incident);
            }
        });
        Turn { by, to, paper, sort: format!("{:?} {}", self.sort, self.step), matter: self }
    }

    fn paper(&self, now: Timestamp) -> Paper {
        match self.sort {
            Sort::Report => self.report(now),
            Sort::Alert => self.alert(now),
            Sort::Aid => self.aid(now),
            Sort::Joint => match self.step {
                0 => papers::action_request(now).level(self.level),
                1 => {
                    let agreed = papers::action_response(now, self.newest, v1::ActionAnswer::Agree);
                    agreed.answer(v1::Answer::Definite).level(self.level)
                }
                step => papers::action_status(now, self.third, step - 1).level(self.level),
            },
            Sort::Verification if self.step == 0 => Paper::of(Kind::VerificationRequest, now),
            Sort::Verification => {
                Paper::of(Kind::VerificationReply, now).follows(self.newest).answer(v1::Answer::Definite)
            }
            Sort::Played => Paper::of(Kind::Bulletin, now).exercise(&self.drill),
            Sort::Single(kind) => by(Paper::of(kind, now), speaker(kind)),
        }
    }

    fn report(&self, now: Timestamp) -> Paper {
        let report = match self.step {
            0 => Paper::of(Kind::IncidentReport, now),
            3 => papers::final_report(now, self.newest, "操作失误"),
            step => papers::follow_up(now, self.newest, step, step == 2),
        };
        report.level(self.level)
    }

    fn alert(&self, now: Timestamp) -> Paper {
        use v1::AlertAction::{Cancel, Issue, Update};
        let action = [Issue, Update, Cancel][self.step as usize];
        let paper = papers::alert(now, action);
        match self.step {
            0 => paper,
            1 => paper.follows(self.newest),
            _ => paper.follows(self.newest).header(|header| header.action = v1::Action::Cancel.into()),
        }
    }

    fn aid(&self, now: Timestamp) -> Paper {
        use v1::ScheduleType::{ActualArrival, ActualDeparture, ActualReturnArrival, ActualReturnDeparture};
        let (order, mission) = (format!("O{}", self.number), format!("M{}", self.number));
        let paper = match self.step {
            0 => papers::resource_request(now),
            1 => papers::resource_offer(now, self.newest, true),
            2 => papers::resource_decision(now, self.newest, true, &order),
            3 => papers::commitment(now, self.newest, true, &mission, &order),
            step => {
                let steps = [ActualDeparture, ActualArrival, ActualReturnDeparture, ActualReturnArrival];
                papers::milestone(now, self.third, &mission, steps[step as usize - 4])
            }
        };
        self.with_resource(paper).level(self.level)
    }

    /// Every mission sends something of its own.
    fn with_resource(&self, mut paper: Paper) -> Paper {
        let id = format!("{}-T-{}", CAST[self.with], self.number);
        match paper.body() {
            v1::body::Body::ResourceOffer(body) => {
                for line in body.lines.iter_mut().filter(|line| !line.resource_ids.is_empty()) {
                    line.resource_ids = vec![id.clone()];
                }
            }
            v1::body::Body::ResourceCommitment(body) => {
                body.resources.iter_mut().for_each(|resource| resource.resource_id.clone_from(&id));
            }
            _ => {}
        }
        paper
    }
}

/// Whose office a kind is.
fn speaker(kind: Kind) -> v1::Role {
    match kind {
        Kind::ActionItem | Kind::Agreement => v1::Role::Secretariat,
        _ => v1::Role::DutyOfficer,
    }
}

fn by(paper: Paper, role: v1::Role) -> Paper {
    paper.header(|header| header.sender.get_or_insert_default().role = role.into())
}

/// By whoever runs drills, about this one.
fn about(paper: Paper, id: &str, control: i32) -> Paper {
    let drill = v1::DrillRef { drill_id: id.into(), control };
    by(paper, v1::Role::DrillController).header(|header| header.drill = Some(drill))
}

/// The invitation to the drill of a day, by 临沂 to `with`, and that drill's id.
pub fn invitation(now: Timestamp, day: u64, with: &[&str]) -> (String, Paper) {
    let id = format!("{LY}-DR-2027-{:02}", day + 1);
    let invitation = paper!(DrillInvitation, now, |body| body.drill_id.clone_from(&id));
    let invitation = about(invitation.to(with), &id, 0);
    (id, invitation)
}

/// 参演: an answer to the invitation.
pub fn takes_part(now: Timestamp, invitation: MessageId, id: &str) -> Paper {
    let reply = paper!(DrillReply, now, |body| {
        body.drill_id = id.into();
        body.answer = v1::DrillAnswer::Attend.into();
    });
    about(reply.follows(invitation).to(&[LY]), id, 0).answer(v1::Answer::Definite)
}

/// The frozen plan of a drill.
pub fn plan(now: Timestamp, id: &str, with: &[&str]) -> Paper {
    let plan = paper!(DrillPlan, now, |body| {
        body.drill_id = id.into();
        body.state = v1::PlanState::Frozen.into();
    });
    about(plan.to(with), id, 0)
}

/// 零报告 or 日报告 of a city to its superior.
pub fn duty_report(now: Timestamp, city: usize, open: Vec<String>) -> Paper {
    let day = now.civil(480);
    let form = if open.is_empty() { v1::DutyReportForm::Zero } else { v1::DutyReportForm::Daily };
    let superior = if CAST[city].starts_with("32") { JS } else { SD };
    let report = paper!(DutyReport, now, |body| {
        body.date = format!("{:04}-{:02}-{:02}", day.year, day.month, day.day);
        body.window_id = String::new();
        body.report = form.into();
        body.summary = if open.is_empty() { String::new() } else { "突发事件处置中".into() };
        body.open_incident_ids = open.into_iter().take(50).collect();
    });
    report.to(&[superior])
}

/// The bytes of an id.
pub fn bytes_of(id: MessageId) -> Bytes {
    Bytes::copy_from_slice(&id.0)
}
