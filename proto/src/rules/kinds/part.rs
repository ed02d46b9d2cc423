//! Kinds that hold a question or its answer: the part fits what the message does to its thread.

use super::{Action, Body, Judge, Rule, rule};
use crate::v1;

const EXTENSION: Rule = of("K16.part");
const RELEASE: Rule = of("K17.part");
const COSTS: Rule = of("K18.part");
const CALL: Rule = of("K23.part");
const CONCLUSION: Rule = of("K24.part");
const MINUTES: Rule = of("K44.part");
const TASK: Rule = of("K45.part");

const fn of(name: &'static str) -> Rule {
    rule(name, "首发时填请求部分，答复时填答复部分", "must fit the action: a reply answers, what starts a thread asks")
}

/// Every rule about parts.
pub const RULES: &[&Rule] = &[&EXTENSION, &RELEASE, &COSTS, &CALL, &CONCLUSION, &MINUTES, &TASK];

/// Which half of a kind a body holds.
enum Half {
    Asks(&'static str),
    /// Asks within a matter: it starts nothing, it answers the mission's commitment or the call.
    AsksWithin(&'static str),
    Answers(&'static str),
    Nothing(&'static str),
}

pub fn judge(judge: &mut Judge<'_>, body: &Body) {
    let Some((rule, half)) = half(body) else { return };
    let (field, keeps) = match (half, judge.action()) {
        (Half::Nothing(field), _) => (field, false),
        (Half::AsksWithin(field), _) => (field, true),
        (Half::Asks(field), action) => (field, action != Some(Action::Reply)),
        (Half::Answers(field), action) => (field, action != Some(Action::Originate)),
    };
    judge.holds(rule, format!("body.{field}"), keeps);
}

fn half(body: &Body) -> Option<(&'static Rule, Half)> {
    Some(match body {
        Body::Extension(body) => (&EXTENSION, extension(body)),
        Body::ReleaseReturn(body) => (&RELEASE, release(body)),
        Body::CostStatement(body) => (&COSTS, costs(body)),
        Body::ConsultationCall(body) => (&CALL, call(body)),
        Body::ConsultationConclusion(body) => (&CONCLUSION, conclusion(body)),
        Body::Minutes(body) => (&MINUTES, minutes(body)),
        Body::ActionItem(body) => (&TASK, task(body)),
        _ => return None,
    })
}

fn extension(body: &v1::Extension) -> Half {
    match &body.part {
        Some(v1::extension::Part::Request(_)) => Half::AsksWithin("request"),
        Some(v1::extension::Part::Response(_)) => Half::Answers("response"),
        None => Half::Nothing("request"),
    }
}

fn release(body: &v1::ReleaseReturn) -> Half {
    match &body.part {
        Some(v1::release_return::Part::Release(_)) => Half::AsksWithin("release"),
        Some(v1::release_return::Part::ReturnRequest(_)) => Half::AsksWithin("return_request"),
        Some(v1::release_return::Part::Response(_)) => Half::Answers("response"),
        None => Half::Nothing("release"),
    }
}

fn costs(body: &v1::CostStatement) -> Half {
    match &body.part {
        Some(v1::cost_statement::Part::Claim(_)) => Half::AsksWithin("claim"),
        Some(v1::cost_statement::Part::Answer(_)) => Half::Answers("answer"),
        None => Half::Nothing("claim"),
    }
}

fn call(body: &v1::ConsultationCall) -> Half {
    match &body.part {
        Some(v1::consultation_call::Part::Call(_)) => Half::Asks("call"),
        Some(v1::consultation_call::Part::Reply(_)) => Half::Answers("reply"),
        None => Half::Nothing("call"),
    }
}

fn conclusion(body: &v1::ConsultationConclusion) -> Half {
    match &body.part {
        Some(v1::consultation_conclusion::Part::Conclusion(_)) => Half::AsksWithin("conclusion"),
        Some(v1::consultation_conclusion::Part::Reply(_)) => Half::Answers("reply"),
        None => Half::Nothing("conclusion"),
    }
}

fn minutes(body: &v1::Minutes) -> Half {
    match &body.part {
        Some(v1::minutes::Part::Record(_)) => Half::Asks("record"),
        Some(v1::minutes::Part::Reply(_)) => Half::Answers("reply"),
        None => Half::Nothing("record"),
    }
}

fn task(body: &v1::ActionItem) -> Half {
    match &body.part {
        Some(v1::action_item::Part::Task(_)) => Half::Asks("task"),
        Some(v1::action_item::Part::Report(_)) => Half::Answers("report"),
        None => Half::Nothing("task"),
    }
}
