//! A file of another house as a draft of ours: what desks and rules read is taken out of it, the rest stays in `cap`, and
//! the file goes with it byte for byte. What it does not say is left to a person; a colour is never guessed.

use model::{header::Action, kind::Kind, time::Timestamp};
use proto::{border, v1, v1::body::Body};

use super::value;

/// What a draft says beyond the file.
#[derive(Clone, Copy, Debug)]
pub struct Following<'a> {
    /// The message of ours that it follows; empty where it begins a chain here.
    pub message_id: &'a [u8],
    /// The colour of the revision that it supersedes.
    pub colour: v1::WarningLevel,
}

/// Header and body of the draft; `name` is the file's.
pub fn draft(cap: v1::CapAlert, name: &str, follows: Option<Following<'_>>) -> (v1::Header, v1::Body) {
    let color = match (colour(&cap), follows) {
        (v1::WarningLevel::Unspecified, Some(before)) => before.colour,
        (said, _) => said,
    };
    let action = action(&cap, color, follows);
    let header = header(&cap, color, action, follows);
    let first = cap.infos.first().cloned().unwrap_or_default();
    let authority = if first.sender_name.is_empty() { cap.sender.clone() } else { first.sender_name.clone() };
    let instruction = cap.infos.iter().map(|info| &info.instruction).find(|text| !text.is_empty());
    let alert = v1::Alert {
        alert_action: action.into(),
        color: color.into(),
        event_type_code: event_type(&first),
        issuing_authority: authority.chars().take(100).collect(),
        effective: time(&first.effective).or_else(|| time(&cap.sent)),
        onset: time(&first.onset),
        expires: cap.infos.iter().filter_map(|info| value::instant(&info.expires)).max().map(border::time::to_wire),
        areas: first.areas.clone(),
        instruction: instruction.cloned().unwrap_or_default(),
        origin: v1::AlertOrigin::Imported.into(),
        cn_identifier: String::new(),
        received_xml: name.to_owned(),
        cap: Some(cap),
    };
    (header, v1::Body { body: Some(Body::Alert(alert)) })
}

fn header(
    cap: &v1::CapAlert,
    color: v1::WarningLevel,
    action: v1::AlertAction,
    follows: Option<Following<'_>>,
) -> v1::Header {
    let confidentiality = match cap.scope() {
        v1::CapScope::Public => v1::Confidentiality::Public,
        v1::CapScope::Restricted => v1::Confidentiality::Internal,
        v1::CapScope::Private => v1::Confidentiality::Sensitive,
        v1::CapScope::Unspecified => v1::Confidentiality::Unspecified,
    };
    let status = match cap.status() {
        v1::CapStatus::Exercise => v1::Status::Exercise,
        v1::CapStatus::System => v1::Status::System,
        v1::CapStatus::Test => v1::Status::Test,
        v1::CapStatus::Actual | v1::CapStatus::Draft | v1::CapStatus::Unspecified => v1::Status::Actual,
    };
    let step = match (follows, action) {
        (None, _) => Action::Originate,
        (Some(_), v1::AlertAction::Cancel) => Action::Cancel,
        (Some(_), _) => Action::Update,
    };
    let category = cap.infos.iter().find_map(|info| info.categories().find_map(category));
    let named = |drill: &str| v1::DrillRef { drill_id: drill.to_owned(), ..v1::DrillRef::default() };
    v1::Header {
        kind: Kind::Alert.number(),
        action: step.number(),
        status: status.into(),
        preceding_message_id: follows.map(|before| before.message_id.to_vec()).unwrap_or_default().into(),
        warning_level: color.into(),
        category: category.unwrap_or_default().into(),
        confidentiality: confidentiality.into(),
        drill: (status == v1::Status::Exercise && !cap.note.is_empty()).then(|| named(cap.note.trim_ascii())),
        ..v1::Header::default()
    }
}

/// What the file does, by its kind and the colour before it.
fn action(cap: &v1::CapAlert, color: v1::WarningLevel, follows: Option<Following<'_>>) -> v1::AlertAction {
    let Some(before) = follows else { return v1::AlertAction::Issue };
    if cap.message_type() == v1::CapMessageType::Cancel {
        return v1::AlertAction::Cancel;
    }
    // the gravest has the least number
    match i32::from(color).cmp(&i32::from(before.colour)) {
        std::cmp::Ordering::Less => v1::AlertAction::Upgrade,
        std::cmp::Ordering::Equal => v1::AlertAction::Update,
        std::cmp::Ordering::Greater => v1::AlertAction::Downgrade,
    }
}

/// The colour that `CN:color` or `CN:level` names. Parameters of other profiles say nothing here.
pub fn colour(cap: &v1::CapAlert) -> v1::WarningLevel {
    let parameters = cap.infos.iter().flat_map(|info| &info.parameters);
    let named = parameters.filter_map(|parameter| {
        let value = parameter.value.trim_ascii();
        let known = match parameter.value_name.as_str() {
            "CN:color" => value,
            "CN:level" => match value {
                "1" => "Red",
                "2" => "Orange",
                "3" => "Yellow",
                "4" => "Blue",
                _ => return None,
            },
            _ => return None,
        };
        let colours =
            [v1::WarningLevel::Red, v1::WarningLevel::Orange, v1::WarningLevel::Yellow, v1::WarningLevel::Blue];
        colours.into_iter().find(|colour| super::own::colour_word(*colour).eq_ignore_ascii_case(known))
    });
    // the gravest, where several areas have their own
    named.min_by_key(|colour| i32::from(*colour)).unwrap_or_default()
}

fn event_type(info: &v1::CapInfo) -> String {
    let ours = info.event_codes.iter().find(|code| code.value_name == "CN:eventType");
    let code = ours.or_else(|| info.event_codes.first()).map(|code| code.value.trim_ascii());
    code.filter(|code| code.chars().count() <= 64).unwrap_or_default().to_owned()
}

const fn category(category: v1::CapCategory) -> Option<v1::Category> {
    use v1::CapCategory::{
        Cbrne, Env, Fire, Geo, Health, Infra, Met, Other, Rescue, Safety, Security, Transport, Unspecified,
    };
    match category {
        Met | Geo | Fire | Env => Some(v1::Category::Natural),
        Safety | Cbrne | Transport | Infra | Rescue => Some(v1::Category::Accident),
        Health => Some(v1::Category::PublicHealth),
        Security => Some(v1::Category::SocialSecurity),
        Other | Unspecified => None,
    }
}

fn time(text: &str) -> Option<prost_types::Timestamp> {
    value::instant(text).map(|at: Timestamp| border::time::to_wire(at))
}
