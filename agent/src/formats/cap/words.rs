//! The words of CAP's enumerations and the values of ours.

use proto::v1;

/// A word of an enumeration for a number of ours, both ways.
pub type Words<E> = [(&'static str, E)];

/// The value of a word.
pub fn value<E: Copy>(words: &Words<E>, text: &str) -> Option<E> {
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
}

/// The word of a value; nothing for one that says nothing.
pub fn word<E: Copy + PartialEq>(words: &Words<E>, value: E) -> &'static str {
    words.iter().find(|(_, known)| *known == value).map_or("", |(word, _)| word)
}

/// `status`.
pub const STATUS: &Words<v1::CapStatus> = &[
    ("Actual", v1::CapStatus::Actual),
    ("Exercise", v1::CapStatus::Exercise),
    ("System", v1::CapStatus::System),
    ("Test", v1::CapStatus::Test),
    ("Draft", v1::CapStatus::Draft),
];

/// `msgType`.
pub const MESSAGE_TYPE: &Words<v1::CapMessageType> = &[
    ("Alert", v1::CapMessageType::Alert),
    ("Update", v1::CapMessageType::Update),
    ("Cancel", v1::CapMessageType::Cancel),
    ("Ack", v1::CapMessageType::Ack),
    ("Error", v1::CapMessageType::Error),
];

/// `scope`.
pub const SCOPE: &Words<v1::CapScope> =
    &[("Public", v1::CapScope::Public), ("Restricted", v1::CapScope::Restricted), ("Private", v1::CapScope::Private)];

/// `category`.
pub const CATEGORY: &Words<v1::CapCategory> = &[
    ("Geo", v1::CapCategory::Geo),
    ("Met", v1::CapCategory::Met),
    ("Safety", v1::CapCategory::Safety),
    ("Security", v1::CapCategory::Security),
    ("Rescue", v1::CapCategory::Rescue),
    ("Fire", v1::CapCategory::Fire),
    ("Health", v1::CapCategory::Health),
    ("Env", v1::CapCategory::Env),
    ("Transport", v1::CapCategory::Transport),
    ("Infra", v1::CapCategory::Infra),
    ("CBRNE", v1::CapCategory::Cbrne),
    ("Other", v1::CapCategory::Other),
];

/// `responseType`.
pub const RESPONSE_TYPE: &Words<v1::CapResponseType> = &[
    ("Shelter", v1::CapResponseType::Shelter),
    ("Evacuate", v1::CapResponseType::Evacuate),
    ("Prepare", v1::CapResponseType::Prepare),
    ("Execute", v1::CapResponseType::Execute),
    ("Avoid", v1::CapResponseType::Avoid),
    ("Monitor", v1::CapResponseType::Monitor),
    ("Assess", v1::CapResponseType::Assess),
    ("AllClear", v1::CapResponseType::AllClear),
    ("None", v1::CapResponseType::None),
];

/// `urgency`.
pub const URGENCY: &Words<v1::CapUrgency> = &[
    ("Immediate", v1::CapUrgency::Immediate),
    ("Expected", v1::CapUrgency::Expected),
    ("Future", v1::CapUrgency::Future),
    ("Past", v1::CapUrgency::Past),
    ("Unknown", v1::CapUrgency::Unknown),
];

/// `severity`.
pub const SEVERITY: &Words<v1::CapSeverity> = &[
    ("Extreme", v1::CapSeverity::Extreme),
    ("Severe", v1::CapSeverity::Severe),
    ("Moderate", v1::CapSeverity::Moderate),
    ("Minor", v1::CapSeverity::Minor),
    ("Unknown", v1::CapSeverity::Unknown),
];

/// `certainty`. `Very Likely` of version 1.0 is not among them.
pub const CERTAINTY: &Words<v1::CapCertainty> = &[
    ("Observed", v1::CapCertainty::Observed),
    ("Likely", v1::CapCertainty::Likely),
    ("Possible", v1::CapCertainty::Possible),
    ("Unlikely", v1::CapCertainty::Unlikely),
    ("Unknown", v1::CapCertainty::Unknown),
];
