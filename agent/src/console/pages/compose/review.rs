//! Before a message leaves: what the other side will see, who gets it, what is checked for FLASH, and the second person.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use model::{
    header::{Cover, Header},
    ids::MessageId,
    invalid::Invalid,
    precedence::Precedence,
    reason::Reason,
    route,
    stage::As,
};
use prost::Message as _;
use proto::{border, rules, v1};

use super::{
    DraftLine,
    keep::{Judged, of_another, signed},
};
use crate::console::{
    Console, Noted,
    drafts::Draft,
    failure::{Failure, filled, see_other},
    frame::Frame,
    gate::{Act, Form, Seated},
    post::Post,
    view,
    words::Words,
};

/// What is checked before a FLASH leaves: names and the keys of their words.
const CHECKS: [(&str, &str); 5] = [
    ("place", "check-place"),
    ("time", "check-time"),
    ("effect", "check-effect"),
    ("figures", "check-figures"),
    ("files", "check-files"),
];

/// Somebody who gets it.
#[derive(Clone, Debug)]
pub struct Getter {
    /// Its name.
    pub who: String,
    /// It is a copy for a superior.
    pub copy: bool,
}

#[derive(Template)]
#[template(path = "compose_review.html")]
#[expect(clippy::struct_excessive_bools, reason = "what a template asks, one by one")]
struct Page {
    f: Frame,
    w: Words,
    id: String,
    line: DraftLine,
    mark: &'static str,
    class: &'static str,
    precedence: String,
    level: String,
    warning: String,
    unreal: String,
    exercise: bool,
    incident: String,
    agreement: String,
    outside: bool,
    sender: String,
    expires: (String, String),
    receipt: String,
    getters: Vec<Getter>,
    /// Why nobody can be named; empty where they are.
    unresolved: String,
    absent: Vec<String>,
    fields: Vec<rules::ViewLine>,
    /// What is checked before it leaves.
    checks: Vec<(&'static str, String)>,
    needs_second: bool,
    /// This person is the second one.
    signs: bool,
    /// This person may send it once somebody signs.
    owns: bool,
    posts: Vec<(&'static str, String)>,
    account: String,
    problem: String,
}

pub async fn show(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    by: Seated,
) -> Result<Response, Failure> {
    let refused = |invalid: Invalid| by.refused(invalid);
    let id: MessageId = id.parse().map_err(refused)?;
    by.officer()?;
    let (draft, contract) = console.draft(id).await.map_err(refused)?;
    Ok(match console.judge(&draft, &contract) {
        Judged { whole: Some(whole), needs_second, .. } => {
            filled(&console.reviewed(&by, &draft, &whole, needs_second, &Form::default(), String::new()))
        }
        Judged { whole: None, .. } => see_other(&format!("/compose/{id}#faults")),
    })
}

/// Sends it, by the way of every message of this desk; or asks a second person to.
pub async fn send(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Act { by, form }: Act,
) -> Result<Response, Failure> {
    let refused = |invalid: Invalid| by.refused(invalid);
    let id: MessageId = id.parse().map_err(refused)?;
    by.officer()?;
    if !form.get("ask").is_empty() {
        console.change_draft(&by, id, |draft, _| draft.waits = true).await.map_err(refused)?;
        return Ok(see_other(&format!("/compose/{id}/review")));
    }
    let (draft, contract) = console.draft(id).await.map_err(refused)?;
    let Judged { whole, needs_second, .. } = console.judge(&draft, &contract);
    let Some(whole) = whole else { return Ok(see_other(&format!("/compose/{id}#faults"))) };
    match console.release(&by, &draft, &whole, needs_second, &form).await {
        Ok(sent) => Ok(see_other(&format!("/m/{sent}/trace"))),
        Err(invalid) => {
            let problem = super::text_of(&invalid, by.visitor.words);
            let mut answer = filled(&console.reviewed(&by, &draft, &whole, needs_second, &form, problem));
            *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(answer)
        }
    }
}

impl Console {
    /// Lets a message go, if everything that must be confirmed is.
    async fn release(
        &self,
        by: &Seated,
        draft: &Draft,
        (header, outgoing): &(Header, v1::Draft),
        needs_second: bool,
        form: &Form,
    ) -> Result<MessageId, Invalid> {
        let owns = draft.account == by.person.account;
        let signs = !owns && may_sign(by);
        if !owns && !signs {
            return Err(of_another(draft));
        }
        let flash = header.precedence == Precedence::Flash;
        if flash && CHECKS.iter().any(|(name, _)| form.all("check").all(|done| done != *name)) {
            return Err(Invalid::new(Reason::SignoffMissing, "check", "console.checklist"));
        }
        let mut outgoing = outgoing.clone();
        if signs || needs_second {
            let (name, role) = if signs { (by.person.name.clone(), by.role()) } else { self.second(by, form).await? };
            let role = role.map_or(0, model::role::Role::number);
            let at = Some(border::time::to_wire(self.desk.clock.now()));
            outgoing = signed(outgoing, v1::Signatory { name, role, at });
        }
        let sent = self.give(draft.id.parse()?, outgoing).await?;
        let what = if signs { "MESSAGE_SIGNED_OFF" } else { "MESSAGE_SENT" };
        self.note(Noted { about: Some(sent), ..Noted::by(what, by) }).await?;
        Ok(sent)
    }

    /// The second person at this screen.
    async fn second(&self, by: &Seated, form: &Form) -> Result<(String, Option<model::role::Role>), Invalid> {
        let refused = || Invalid::new(Reason::SignoffMissing, "signed_off_by", "console.second_person");
        let (account, post) = self.second_person(&by.visitor, form).await?.ok_or_else(refused)?;
        match post {
            Post::Desk(role) if role.signs_off() && account.name != by.person.account => {
                Ok((account.person, Some(role)))
            }
            _ => Err(refused()),
        }
    }

    fn reviewed(
        &self,
        by: &Seated,
        draft: &Draft,
        (header, outgoing): &(Header, v1::Draft),
        needs_second: bool,
        form: &Form,
        problem: String,
    ) -> Page {
        let (w, zone) = (by.visitor.words, self.zone());
        let wire = border::header::to_wire(header);
        let (mark, class) = view::badge(Some(header.precedence));
        let routed = route::resolve(header, &self.desk.trust.now().directory, None);
        let getter = |(id, of): &(model::ids::JurisdictionId, As)| Getter {
            who: self.name_of(id.as_str(), w),
            copy: *of == As::CcSuperior,
        };
        let (getters, absent, unresolved) = match &routed {
            Ok(routed) => {
                (routed.deliveries.iter().map(getter).collect(), routed.superior_absent.clone(), String::new())
            }
            Err(invalid) => (Vec::new(), Vec::new(), super::text_of(invalid, w)),
        };
        let body = outgoing.body.clone().unwrap_or_default().encode_to_vec().into();
        let owns = draft.account == by.person.account;
        let flash = header.precedence == Precedence::Flash;
        let line = self.draft_line(draft, w);
        let role = |role: model::role::Role| (role.name(), w.role(role.number()));
        Page {
            f: self.frame(by, "/compose", format!("{} · {}", w.t("review"), line.kind)),
            w,
            id: draft.id.clone(),
            line,
            mark,
            class,
            precedence: w.precedence(wire.precedence),
            level: w.level(wire.event_level),
            warning: w.warning(wire.warning_level),
            unreal: w.unreal(wire.status),
            exercise: wire.status == model::status::Status::Exercise.number(),
            incident: rules::inert(&wire.incident_id),
            agreement: rules::inert(&wire.agreement_id),
            outside: header.agreement_id == Some(Cover::Outside),
            sender: format!(
                "{} · {} {}",
                self.name_of(header.sender.jurisdiction.as_str(), w),
                rules::inert(&draft.person),
                w.role(draft.role)
            ),
            expires: (zone.short(header.expires_at), zone.whole(header.expires_at)),
            receipt: w.stage(wire.receipt_required),
            getters,
            unresolved,
            absent: absent.iter().map(|id| self.name_of(id.as_str(), w)).collect(),
            fields: rules::view(&body, w.lang),
            checks: if flash { CHECKS.iter().map(|(name, key)| (*name, w.t(key))).collect() } else { Vec::new() },
            needs_second,
            signs: !owns && may_sign(by),
            owns,
            posts: [model::role::Role::ShiftLeader, model::role::Role::Commander].map(role).into(),
            account: form.get("account").to_owned(),
            problem,
        }
    }
}

/// Whether this person may put their name under what another wrote.
fn may_sign(by: &Seated) -> bool {
    by.role().is_some_and(model::role::Role::signs_off)
}
