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
    keep::{Judged, Leaving, Undone, changed, of_another, signed},
};
use crate::console::{
    Console,
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
    /// Names the version that is shown.
    seen: String,
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
    let id: MessageId = id.parse().map_err(|invalid| by.refused(invalid))?;
    by.officer()?;
    console.review(&by, id, &Form::default(), String::new()).await
}

/// Sends it, by the way of every message of this desk; or asks a second person to.
pub async fn send(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Act { by, form }: Act,
) -> Result<Response, Failure> {
    let undone = |undone: Undone| undone.failure(&by);
    let id: MessageId = id.parse().map_err(|invalid| by.refused(invalid))?;
    by.officer()?;
    if !form.get("ask").is_empty() {
        console.change_draft(&by, id, |draft, _| draft.waits = true).await.map_err(undone)?;
        return Ok(see_other(&format!("/compose/{id}/review")));
    }
    let (draft, contract) = console.draft(&by, id).await.map_err(undone)?;
    let Judged { whole, needs_second, .. } = console.judge(&draft, &contract);
    let Some(whole) = whole else { return Ok(see_other(&format!("/compose/{id}#faults"))) };
    match console.release(&by, &draft, &whole, needs_second, &form).await {
        Ok(sent) => Ok(see_other(&format!("/m/{sent}/trace"))),
        Err(sent @ Undone::Sent(_)) => Err(undone(sent)),
        Err(Undone::Refused(invalid)) => {
            // shown as it stands by now
            let problem = super::text_of(&invalid, by.visitor.words);
            let mut answer = console.review(&by, id, &form, problem).await?;
            if answer.status() == StatusCode::OK {
                *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            }
            Ok(answer)
        }
    }
}

impl Console {
    /// The draft as the other side will see it, as it stands now; its form where something is wrong with it.
    async fn review(
        self: &Arc<Self>,
        by: &Seated,
        id: MessageId,
        form: &Form,
        problem: String,
    ) -> Result<Response, Failure> {
        let (draft, contract) = self.draft(by, id).await.map_err(|undone| undone.failure(by))?;
        Ok(match self.judge(&draft, &contract) {
            Judged { whole: Some(whole), needs_second, .. } => {
                filled(&self.reviewed(by, &draft, &whole, needs_second, form, problem))
            }
            Judged { whole: None, .. } => see_other(&format!("/compose/{id}#faults")),
        })
    }

    /// Lets a message go, if everything that must be confirmed is.
    async fn release(
        self: &Arc<Self>,
        by: &Seated,
        draft: &Draft,
        (header, outgoing): &(Header, v1::Draft),
        needs_second: bool,
        form: &Form,
    ) -> Result<MessageId, Undone> {
        let signs = signs(by, draft)?;
        if !draft.is_version(form.get("seen")) {
            return Err(changed().into());
        }
        let flash = header.precedence == Precedence::Flash;
        if flash && CHECKS.iter().any(|(name, _)| form.all("check").all(|done| done != *name)) {
            return Err(Invalid::new(Reason::SignoffMissing, "check", "console.checklist").into());
        }
        let mut outgoing = outgoing.clone();
        if signs || needs_second {
            let (name, role) = if signs { (by.person.name.clone(), by.role()) } else { self.second(by, form).await? };
            let role = role.map_or(0, model::role::Role::number);
            let at = Some(border::time::to_wire(self.desk.clock.now()));
            outgoing = signed(outgoing, v1::Signatory { name, role, at });
        }
        let what = if signs { "MESSAGE_SIGNED_OFF" } else { "MESSAGE_SENT" };
        let seen = form.get("seen").to_owned();
        self.give(by, Leaving { id: draft.id.parse()?, outgoing, seen, what }).await
    }

    /// The second person at this screen.
    async fn second(&self, by: &Seated, form: &Form) -> Result<(String, Option<model::role::Role>), Invalid> {
        let refused = || Invalid::new(Reason::SignoffMissing, "signed_off_by", "console.second_person");
        let (account, post) = self.second_person(&by.visitor, form).await?;
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
            seen: draft.version(),
            signs: may_sign(by, draft),
            owns,
            posts: [model::role::Role::ShiftLeader, model::role::Role::Commander].map(role).into(),
            account: form.get("account").to_owned(),
            problem,
        }
    }
}

/// Whether this person lets a draft go by signing it: another's, which was offered; their own leaves in the post in which it was
/// written.
///
/// # Errors
/// It is another's and not for this person to sign, or was written in another post.
fn signs(by: &Seated, draft: &Draft) -> Result<bool, Invalid> {
    let role = by.role().map_or(0, model::role::Role::number);
    if draft.account != by.person.account {
        let unasked = || Invalid::new(Reason::RoleForbidden, "draft", "console.not_offered");
        return match (draft.waits, may_sign(by, draft)) {
            (true, true) => Ok(true),
            (false, _) => Err(unasked()),
            (true, false) => Err(of_another(draft)),
        };
    }
    if draft.role != role {
        let written = model::role::Role::from_number(draft.role).map_or("", model::role::Role::name);
        return Err(Invalid::new(Reason::RoleForbidden, "post", "console.draft_post").detail(written));
    }
    Ok(false)
}

/// Whether this person may put their name under what another wrote and offered.
fn may_sign(by: &Seated, draft: &Draft) -> bool {
    let another = draft.account != by.person.account && draft.waits;
    another && by.role().is_some_and(model::role::Role::signs_off)
}
