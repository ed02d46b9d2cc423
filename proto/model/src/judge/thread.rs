//! Rules about the thread a message belongs to, what it is about, and how urgent it is.

use crate::{
    header::{Action, Header, Stage, Status},
    invalid::Invalid,
    kind::{Incident, Kind},
    reason::Reason,
};

/// An ORIGINATE starts a thread of its own and follows nothing; all others name what they follow.
pub(super) fn origin(header: &Header) -> Result<(), Invalid> {
    let own = header.originating_message_id == header.message_id;
    let wrong = |field: &'static str, rule: &'static str| Err(Invalid::schema(field, rule));
    match (header.action, header.preceding_message_id) {
        (Action::Originate, Some(_)) => wrong("preceding_message_id", "header.originate_follows_nothing"),
        (Action::Originate, None) if !own => wrong("originating_message_id", "header.originate_is_own_thread"),
        (Action::Originate, None) => Ok(()),
        (_, None) => Err(Invalid::missing("preceding_message_id")),
        (_, Some(before)) if before == header.message_id => wrong("preceding_message_id", "header.follows_itself"),
        (_, Some(_)) if own => wrong("originating_message_id", "header.thread_of_another"),
        (Action::Update | Action::Cancel | Action::Reply | Action::Error, Some(_)) => Ok(()),
    }
}

/// 1 for ORIGINATE, REPLY and ERROR; UPDATE and CANCEL count on.
pub(super) fn revision(header: &Header) -> Result<(), Invalid> {
    let lawful = match header.action {
        Action::Originate | Action::Reply | Action::Error => header.revision == 1,
        Action::Update | Action::Cancel => header.revision >= 2,
    };
    if lawful {
        return Ok(());
    }
    let detail = format!("{} with revision {}", header.action, header.revision);
    Err(Invalid::schema("revision", "header.revision").detail(detail))
}

/// A REPLY says whether it settles the matter, and its UPDATE may; nothing else does.
pub(super) fn answer(header: &Header) -> Result<(), Invalid> {
    match (header.action, header.answer) {
        (Action::Reply, None) => Err(Invalid::missing("answer")),
        (Action::Originate | Action::Cancel | Action::Error, Some(_)) => {
            Err(Invalid::schema("answer", "header.answer_of_reply"))
        }
        (Action::Reply | Action::Update, _) | (Action::Originate | Action::Cancel | Action::Error, None) => Ok(()),
    }
}

/// ERROR is the action of K51 alone.
pub(super) fn error(header: &Header) -> Result<(), Invalid> {
    if header.action == Action::Error && header.kind != Kind::Error {
        return Err(Invalid::schema("action", "header.error_is_k51"));
    }
    Ok(())
}

/// The sender counts from 1.
pub(super) fn sequence(header: &Header) -> Result<(), Invalid> {
    if header.sender_seq == 0 { Err(Invalid::missing("sender_seq")) } else { Ok(()) }
}

/// Column *inc* of the table of kinds.
pub(super) fn incident(header: &Header) -> Result<(), Invalid> {
    match (header.kind.facts().incident, &header.incident_id) {
        (Incident::Required, None) => Err(Invalid::missing("incident_id")),
        (Incident::Never, Some(_)) => Err(Invalid::schema("incident_id", "header.incident_of_kind")),
        (Incident::Required | Incident::Optional, _) | (Incident::Never, None) => Ok(()),
    }
}

/// What names an incident says how grave it is and of what sort; an alert says of what sort.
pub(super) fn level_and_category(header: &Header) -> Result<(), Invalid> {
    let about_incident = header.incident_id.is_some();
    if about_incident && header.event_level.is_none() {
        return Err(Invalid::missing("event_level"));
    }
    if (about_incident || header.kind == Kind::Alert) && header.category.is_none() {
        return Err(Invalid::missing("category"));
    }
    Ok(())
}

/// A colour for alerts, and for nothing else.
pub(super) fn colour(header: &Header) -> Result<(), Invalid> {
    match (header.kind, header.warning_level) {
        (Kind::Alert, None) => Err(Invalid::missing("warning_level")),
        (Kind::Alert, Some(_)) | (_, None) => Ok(()),
        (_, Some(_)) => Err(Invalid::schema("warning_level", "header.colour_of_alert")),
    }
}

/// Never below what level or colour demands.
pub(super) fn floor(header: &Header) -> Result<(), Invalid> {
    let floor = header.precedence_floor();
    if header.precedence.meets(floor) {
        return Ok(());
    }
    let detail = format!("{} is below {floor}", header.precedence);
    Err(Invalid::new(Reason::PrecedenceFloor, "precedence", "header.floor").detail(detail))
}

/// DELIVERED, OPENED or ACKNOWLEDGED, and not below the kind's floor. A precedence has a part in that floor.
pub(super) fn receipt_floor(header: &Header) -> Result<(), Invalid> {
    let asked = header.receipt_required;
    if !matches!(asked, Stage::Delivered | Stage::Opened | Stage::Acknowledged) {
        return Err(Invalid::code("receipt_required", "header.receipt_stage").detail(asked.name()));
    }
    match header.kind.stage_floor(header.precedence) {
        Some(floor) if asked < floor => {
            Err(Invalid::schema("receipt_required", "header.receipt_floor").detail(format!("at least {floor}")))
        }
        Some(_) | None => Ok(()),
    }
}

/// EXERCISE names its drill; real talk about a drill may; all else must not. Only K33 gives orders, and always does.
pub(super) fn drill(header: &Header) -> Result<(), Invalid> {
    let mixed = |field: &'static str, rule: &'static str| Err(Invalid::new(Reason::StatusMix, field, rule));
    match (header.status, &header.drill) {
        (Status::Exercise, None) => return Err(Invalid::missing("drill.drill_id")),
        (Status::Exercise, Some(_)) if header.kind.is_about_drill() => {
            return mixed("status", "header.drill_is_real_talk");
        }
        (Status::Actual | Status::System | Status::Test, _) if header.kind == Kind::DrillInject => {
            return mixed("status", "header.inject_is_exercise");
        }
        (Status::Actual, Some(_)) if header.kind.is_about_drill() => {}
        (Status::Actual | Status::System | Status::Test, Some(_)) => return mixed("drill", "header.drill_of_exercise"),
        (Status::Exercise, Some(_)) | (Status::Actual | Status::System | Status::Test, None) => {}
    }
    let control = header.drill.as_ref().and_then(|drill| drill.control);
    match (header.kind == Kind::DrillControl, control) {
        (true, None) => Err(Invalid::missing("drill.control")),
        (false, Some(_)) => Err(Invalid::schema("drill.control", "header.control_of_k33")),
        (true, Some(_)) | (false, None) => Ok(()),
    }
}
