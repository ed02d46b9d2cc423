//! An alert of our own as CAP says it: what the header and the plain fields say is put where the standard has a place for
//! it, and what has none is told.

use model::{header::Header, ids::Digest, level::WarningLevel};
use proto::{border::facts::leads, rules::base64, v1};

use super::value;

/// The mark of our profile.
pub const CODE: &str = "urn:liandong:cap:1";
/// Bytes of an attachment that are written into the file.
const EMBEDDED_BYTES_MAX: usize = 64 * 1024;
/// Minutes by which Chinese time is ahead, for a sender that does not say its own.
const BEIJING_MIN: i32 = 480;

/// A message with an alert of our own.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    /// Its header, checked.
    pub header: &'a Header,
    /// The same as it travels.
    pub wire: &'a v1::Header,
    /// Its body.
    pub alert: &'a v1::Alert,
    /// Its inline attachments, in the header's order.
    pub inline: &'a [bytes::Bytes],
}

impl Own<'_> {
    /// How another alert refers to this one.
    pub fn triple(&self) -> v1::CapReference {
        v1::CapReference {
            sender: leads::issuer(self.header, self.alert),
            identifier: leads::identifier(self.header, self.alert),
            sent: self.time(self.wire.sent_at),
        }
    }

    /// The whole alert as CAP says it.
    pub fn complete(&self) -> v1::CapAlert {
        let given = self.alert.cap.clone().unwrap_or_default();
        let v1::CapReference { sender, identifier, sent } = self.triple();
        let scope = self.scope();
        let addresses = if scope == v1::CapScope::Private { self.recipients() } else { Vec::new() };
        let restricted = scope == v1::CapScope::Restricted;
        let mut codes = given.codes;
        if !codes.iter().any(|code| code == CODE) {
            codes.push(CODE.to_owned());
        }
        let incident = Some(self.wire.incident_id.clone()).filter(|id| !id.is_empty());
        v1::CapAlert {
            version_read: "1.2".to_owned(),
            identifier,
            sender,
            sent,
            status: self.status().into(),
            message_type: self.message_type().into(),
            scope: scope.into(),
            restriction: if restricted { "内部".to_owned() } else { String::new() },
            addresses,
            codes,
            note: if given.note.is_empty() { self.drill().to_owned() } else { given.note },
            incidents: incident.into_iter().collect(),
            infos: given.infos.into_iter().enumerate().map(|(at, info)| self.info(info, at == 0)).collect(),
            signature: v1::CapSignature::Absent.into(),
            ..given
        }
    }

    /// What has no place in CAP, by field.
    pub fn left_out(&self) -> Vec<&'static str> {
        let wire = self.wire;
        let level = wire.event_level != 0;
        let attached = self.attachments().any(|(_, inside)| inside.is_none());
        let fields = [
            ("header.precedence", true),
            ("header.receipt_required", true),
            ("header.event_level", level),
            ("header.agreement_id", !wire.agreement_id.is_empty()),
            ("header.prepared_by", wire.prepared_by.is_some()),
            ("header.signed_off_by", wire.signed_off_by.is_some()),
            ("header.attachments", attached),
        ];
        fields.into_iter().filter(|(_, said)| *said).map(|(name, _)| name).collect()
    }

    fn time(&self, at: Option<prost_types::Timestamp>) -> String {
        let offset = self.header.utc_offset_min;
        let offset = if offset == 0 { BEIJING_MIN } else { offset };
        let at = proto::border::time::optional(at, "at").ok().flatten();
        at.map(|at| value::written(at, offset)).unwrap_or_default()
    }

    fn status(&self) -> v1::CapStatus {
        match self.wire.status() {
            v1::Status::Exercise => v1::CapStatus::Exercise,
            v1::Status::System => v1::CapStatus::System,
            v1::Status::Test => v1::CapStatus::Test,
            v1::Status::Actual | v1::Status::Unspecified => v1::CapStatus::Actual,
        }
    }

    fn message_type(&self) -> v1::CapMessageType {
        use v1::AlertAction::{Cancel, Downgrade, Issue, Unspecified, Update, Upgrade};
        match self.alert.alert_action() {
            Issue | Unspecified => v1::CapMessageType::Alert,
            Update | Upgrade | Downgrade => v1::CapMessageType::Update,
            Cancel => v1::CapMessageType::Cancel,
        }
    }

    fn scope(&self) -> v1::CapScope {
        match self.wire.confidentiality() {
            v1::Confidentiality::Public => v1::CapScope::Public,
            v1::Confidentiality::Sensitive => v1::CapScope::Private,
            v1::Confidentiality::Internal | v1::Confidentiality::Unspecified => v1::CapScope::Restricted,
        }
    }

    fn recipients(&self) -> Vec<String> {
        let named = |address: &v1::Address| match &address.to {
            Some(v1::address::To::Jurisdiction(to)) => Some(to.id.clone()),
            Some(v1::address::To::GroupId(id)) => Some(id.clone()),
            Some(v1::address::To::Area(_)) | None => None,
        };
        self.wire.recipients.iter().filter_map(named).collect()
    }

    fn drill(&self) -> &str {
        self.wire.drill.as_ref().map_or("", |drill| &drill.drill_id)
    }

    /// What the standard asks of each info, and for the first what the alert around it says.
    fn info(&self, info: v1::CapInfo, first: bool) -> v1::CapInfo {
        let severity = severity(self.alert.color()).map_or(info.severity, Into::into);
        let mut info = v1::CapInfo { severity, ..info };
        if !first {
            return info;
        }
        let or = |said: String, other: &str| if said.is_empty() { other.to_owned() } else { said };
        let alert = self.alert;
        info.language = or(info.language, "zh-CN");
        info.effective = or(info.effective, &self.time(alert.effective));
        info.onset = or(info.onset, &self.time(alert.onset));
        info.expires = or(info.expires, &self.time(alert.expires));
        info.sender_name = or(info.sender_name, &alert.issuing_authority);
        info.instruction = or(info.instruction, &alert.instruction);
        if info.areas.is_empty() {
            info.areas.clone_from(&alert.areas);
        }
        name(&mut info.event_codes, "CN:eventType", &alert.event_type_code);
        let level = WarningLevel::from_number(alert.color).map_or(String::new(), |colour| colour.number().to_string());
        name(&mut info.parameters, "CN:level", &level);
        name(&mut info.parameters, "CN:color", colour_word(alert.color()));
        name(&mut info.parameters, "CN:identifier", &alert.cn_identifier);
        name(&mut info.parameters, "LD:message", &self.header.message_id.to_string());
        name(&mut info.parameters, "LD:thread", &self.header.thread().to_string());
        info.resources.extend(self.resources());
        for digest in self.wire.attachments.iter().map(|file| hex(&file.sha256)) {
            info.parameters.push(v1::CapNamedValue { value_name: "LD:sha256".to_owned(), value: digest });
        }
        info
    }

    /// Each attachment, with its bytes where they are written into the file.
    fn attachments(&self) -> impl Iterator<Item = (&v1::Attachment, Option<&bytes::Bytes>)> {
        let mut inline = self.inline.iter();
        self.wire.attachments.iter().map(move |file| {
            let inside = if file.placement() == v1::Placement::Inline { inline.next() } else { None };
            (file, inside.filter(|bytes| bytes.len() <= EMBEDDED_BYTES_MAX))
        })
    }

    fn resources(&self) -> impl Iterator<Item = v1::CapResource> {
        self.attachments().map(|(file, inside)| v1::CapResource {
            description: file.name.clone(),
            mime_type: file.mime.clone(),
            size: Some(file.bytes),
            uri: format!("blob:sha256:{}", hex(&file.sha256)),
            deref_uri: inside.map(|bytes| base64::encode(bytes)).unwrap_or_default(),
            digest: String::new(),
        })
    }
}

/// Adds a pair, unless the author gave one of this name or there is nothing to say.
fn name(values: &mut Vec<v1::CapNamedValue>, name: &str, value: &str) {
    if !value.is_empty() && !values.iter().any(|known| known.value_name == name) {
        values.push(v1::CapNamedValue { value_name: name.to_owned(), value: value.to_owned() });
    }
}

/// The severity of a colour. A colour is never guessed from a severity.
pub const fn severity(colour: v1::WarningLevel) -> Option<v1::CapSeverity> {
    match colour {
        v1::WarningLevel::Red => Some(v1::CapSeverity::Extreme),
        v1::WarningLevel::Orange => Some(v1::CapSeverity::Severe),
        v1::WarningLevel::Yellow => Some(v1::CapSeverity::Moderate),
        v1::WarningLevel::Blue => Some(v1::CapSeverity::Minor),
        v1::WarningLevel::Unspecified => None,
    }
}

/// A colour as `CN:color` names it.
pub const fn colour_word(colour: v1::WarningLevel) -> &'static str {
    match colour {
        v1::WarningLevel::Red => "Red",
        v1::WarningLevel::Orange => "Orange",
        v1::WarningLevel::Yellow => "Yellow",
        v1::WarningLevel::Blue => "Blue",
        v1::WarningLevel::Unspecified => "",
    }
}

fn hex(bytes: &[u8]) -> String {
    Digest::try_from(bytes).map(|digest| digest.to_string()).unwrap_or_default()
}
