//! The rules file: TOML, every key known, every condition read before anything is in force.

use std::{collections::BTreeSet, fs, path::Path, path::PathBuf, time::Duration};

use model::{
    ids::JurisdictionId,
    invalid::Invalid,
    kind::Kind,
    limits,
    reason::Reason,
    role::Role,
    status::{Answer as Interim, Status},
};
use serde::Deserialize;

use super::{
    Acknowledge, Action, Answer, Forward, On, Rule, Rules, Run, Webhook, condition::Condition, source, template,
    webhook,
};
use crate::{desk::programs::PER_HOUR, fold::keys::RULE_NAME, formats::draft_file, rules::template::Template};

/// Bytes of a rules file at most.
const BYTES_MAX: usize = 256 * 1024;
/// Rules of a file at most.
const RULES_MAX: usize = 100;
/// How long a command may take where the file does not say it, and at most.
const TIMEOUT_S: (u64, u64) = (30, 600);

/// A commented example, shown by `liandong rules print`.
pub const EXAMPLE: &str = include_str!("rules.example.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    rule: Vec<Entry>,
    #[serde(default)]
    source: Vec<source::Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    on: String,
    #[serde(default)]
    status: Option<Vec<String>>,
    #[serde(default)]
    when: String,
    #[serde(default)]
    hops: u32,
    #[serde(default)]
    per_hour: Option<u32>,
    acknowledge: Option<AcknowledgeEntry>,
    answer: Option<AnswerEntry>,
    forward: Option<ForwardEntry>,
    notify: Option<NotifyEntry>,
    webhook: Option<WebhookEntry>,
    run: Option<RunEntry>,
    write: Option<WriteEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AcknowledgeEntry {
    #[serde(default)]
    note: String,
    #[serde(default)]
    will_answer: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerEntry {
    kind: String,
    #[serde(default)]
    interim: Option<String>,
    #[serde(default)]
    body: toml::Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ForwardEntry {
    to: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NotifyEntry {
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookEntry {
    url: String,
    secret_file: PathBuf,
    #[serde(default)]
    ca_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunEntry {
    command: Vec<String>,
    #[serde(default)]
    timeout_s: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WriteEntry {
    folder: PathBuf,
}

/// The text of a rules file.
///
/// # Errors
/// It is not there, cannot be read, or is too large.
pub fn text(path: &Path) -> Result<String, Invalid> {
    let unreadable = |error: std::io::Error| refused("", "rules.file", &format!("{}: {error}", path.display()));
    let bytes = fs::metadata(path).map_err(unreadable)?.len();
    if bytes > BYTES_MAX as u64 {
        return Err(Invalid::too_large("", bytes, BYTES_MAX));
    }
    fs::read_to_string(path).map_err(unreadable)
}

/// Reads a rules file.
///
/// # Errors
/// The first fault, with the rule's name and the key in its field, and the place in its detail.
pub fn parse(text: &str) -> Result<Rules, Invalid> {
    let file: File = toml::from_str(text).map_err(|error| unreadable(&error))?;
    if file.rule.len() > RULES_MAX {
        return Err(Invalid::too_large("rule", file.rule.len(), RULES_MAX));
    }
    let role = role(file.role.as_deref())?;
    let mut names = BTreeSet::new();
    let mut rules = Vec::with_capacity(file.rule.len());
    for entry in file.rule {
        let at = format!("rule[{}]", entry.name);
        if !names.insert(entry.name.clone()) {
            return Err(refused(&format!("{at}.name"), "rules.name", "two rules have this name"));
        }
        rules.push(rule(entry).map_err(|invalid| invalid.within(&at))?);
    }
    Ok(Rules { role, rules, sources: source::all(file.source, role)? })
}

fn refused(field: &str, rule: &str, detail: &str) -> Invalid {
    Invalid::new(Reason::BadCode, field, rule).detail(detail.chars().take(400).collect::<String>())
}

/// Where the file is no TOML, or has a key that nobody reads: the place, and the nearest key.
fn unreadable(error: &toml::de::Error) -> Invalid {
    let text = error.to_string();
    let place = text.lines().next().unwrap_or_default().trim_start_matches("TOML parse error at ");
    let mut words = error.message().split('`').skip(1).step_by(2);
    let hint = if error.message().starts_with("unknown field") {
        let near = words.next().and_then(|unknown| proto::rules::closest(unknown, words));
        near.map(|near| format!("; did you mean {near}?")).unwrap_or_default()
    } else {
        String::new()
    };
    refused("", "rules.file", &format!("{place}: {}{hint}", error.message()))
}

/// A rule speaks for whoever is on duty; it never signs off, and never speaks as the program itself.
fn role(name: Option<&str>) -> Result<Role, Invalid> {
    let role: Role =
        name.map_or(Ok(Role::DutyOfficer), str::parse).map_err(|invalid: Invalid| invalid.within("role"))?;
    if role.signs_off() || role == Role::System {
        return Err(refused("role", "rules.role", role.name()));
    }
    Ok(role)
}

/// The name of a rule or of a source.
pub(super) fn check_name(name: &str, rule: &str) -> Result<(), Invalid> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if (1..=RULE_NAME).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    Err(refused("name", rule, &format!("1 to {RULE_NAME} of a-z 0-9 -")))
}

fn rule(entry: Entry) -> Result<Rule, Invalid> {
    check_name(&entry.name, "rules.name")?;
    let on = On::ALL.into_iter().find(|on| on.name() == entry.on);
    let on = on.ok_or_else(|| refused("on", "rules.on", &known(&entry.on, On::ALL.map(On::name))))?;
    let when = if entry.when.trim().is_empty() {
        None
    } else {
        Some(Condition::parse(&entry.when).map_err(|invalid| invalid.within("when"))?)
    };
    let rule = Rule {
        on,
        status: statuses(entry.status.as_deref())?,
        when,
        hops: within(entry.hops, limits::HOPS_MAX - 1, "hops")?,
        per_hour: within(entry.per_hour.unwrap_or(PER_HOUR.0), PER_HOUR.1, "per_hour")?,
        acknowledge: entry.acknowledge.as_ref().map(acknowledge).transpose()?,
        answer: entry.answer.map(answer).transpose().map_err(|invalid| invalid.within("answer"))?,
        forward: entry.forward.map(|forward| recipients(&forward)).transpose()?,
        notify: entry.notify.map(|notify| notice(&notify.text)).transpose()?,
        webhook: entry.webhook.map(called).transpose().map_err(|invalid| invalid.within("webhook"))?,
        run: entry.run.map(command).transpose().map_err(|invalid| invalid.within("run"))?,
        write: entry.write.map(|write| folder(write.folder)).transpose()?,
        name: entry.name,
    };
    check_actions(&rule)?;
    Ok(rule)
}

/// A rule does something, and only to messages what can be done to messages alone.
fn check_actions(rule: &Rule) -> Result<(), Invalid> {
    if rule.actions().next().is_none() {
        let all = Action::ALL.map(Action::name).join(", ");
        return Err(refused("", "rules.action", &format!("it does nothing; one of {all} is needed")));
    }
    let to_messages = |action: &Action| matches!(action, Action::Acknowledge | Action::Answer | Action::Forward);
    match rule.actions().find(to_messages) {
        Some(action) if rule.on != On::Received => {
            Err(refused(action.name(), "rules.action", &format!("only on = \"received\", not {}", rule.on.name())))
        }
        _ => Ok(()),
    }
}

fn known<const N: usize>(found: &str, names: [&str; N]) -> String {
    let near = proto::rules::closest(found, names.into_iter());
    near.map_or_else(
        || format!("{found}; known: {}", names.join(", ")),
        |near| format!("{found}; did you mean {near}?"),
    )
}

/// A number within its bound.
pub(super) fn within(number: u32, most: u32, field: &str) -> Result<u32, Invalid> {
    if number > most { Err(Invalid::too_large(field, number, most)) } else { Ok(number) }
}

/// Exercises and tests are looked at only where a rule says so: what rules do outside is real.
fn statuses(names: Option<&[String]>) -> Result<Vec<Status>, Invalid> {
    let Some(names) = names else { return Ok(vec![Status::Actual]) };
    names.iter().map(|name| name.parse()).collect::<Result<_, Invalid>>().map_err(|invalid| invalid.within("status"))
}

fn acknowledge(entry: &AcknowledgeEntry) -> Result<Acknowledge, Invalid> {
    let note = Template::parse(&entry.note).map_err(|invalid| invalid.within("acknowledge.note"))?;
    Ok(Acknowledge { note, will_answer: entry.will_answer })
}

fn answer(entry: AnswerEntry) -> Result<Answer, Invalid> {
    let kind: Kind = proto::rules::kind(&entry.kind)
        .map(|info| info.kind)
        .ok_or_else(|| Invalid::code("kind", "kind.known").detail(entry.kind.as_str()))?;
    let interim: Option<Interim> =
        entry.interim.as_deref().map(str::parse).transpose().map_err(|invalid: Invalid| invalid.within("interim"))?;
    let body = draft_file::json(toml::Value::Table(entry.body));
    Ok(Answer { kind, interim, body: template::Body::parse(&body).map_err(|invalid| invalid.within("body"))? })
}

fn recipients(entry: &ForwardEntry) -> Result<Forward, Invalid> {
    if entry.to.is_empty() || entry.to.len() > limits::RECIPIENTS_MAX {
        let detail = format!("1 to {}", limits::RECIPIENTS_MAX);
        return Err(refused("forward.to", "rules.recipients", &detail));
    }
    let to: Result<Vec<JurisdictionId>, Invalid> = entry.to.iter().map(|id| id.parse()).collect();
    to.map(|to| Forward { to }).map_err(|invalid| invalid.within("forward.to"))
}

fn notice(text: &str) -> Result<Template, Invalid> {
    if text.trim().is_empty() {
        return Err(Invalid::missing("notify.text"));
    }
    Template::parse(text).map_err(|invalid| invalid.within("notify.text"))
}

fn called(entry: WebhookEntry) -> Result<Webhook, Invalid> {
    let url = webhook::Target::parse(&entry.url, entry.ca_file.as_deref())?;
    webhook::secret(&entry.secret_file).map_err(|invalid| invalid.within("secret_file"))?;
    Ok(Webhook { url, secret_file: entry.secret_file })
}

fn command(entry: RunEntry) -> Result<Run, Invalid> {
    let program = entry.command.first().map(Path::new);
    if !program.is_some_and(|program| program.is_absolute() && program.is_file()) {
        return Err(refused("command", "rules.command", entry.command.first().map_or("", String::as_str)));
    }
    let seconds = entry.timeout_s.unwrap_or(TIMEOUT_S.0);
    if seconds == 0 || seconds > TIMEOUT_S.1 {
        return Err(Invalid::too_large("timeout_s", seconds, TIMEOUT_S.1));
    }
    Ok(Run { command: entry.command, timeout: Duration::from_secs(seconds) })
}

fn folder(path: PathBuf) -> Result<PathBuf, Invalid> {
    if path.is_absolute() && path.is_dir() {
        return Ok(path);
    }
    Err(refused("write.folder", "rules.folder", &path.display().to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOTICE: &str = "[[rule]]\nname = \"a\"\non = \"received\"\nnotify = { text = \"x\" }\n";

    fn refusal(text: &str) -> Invalid {
        parse(text).unwrap_err()
    }

    #[test]
    fn a_file_is_read_with_its_defaults() {
        let rules = parse(NOTICE).unwrap();
        let rule = &rules.rules[0];
        assert_eq!((rules.role, rule.on, rule.hops, rule.per_hour), (Role::DutyOfficer, On::Received, 0, 60));
        assert_eq!(rule.status, [Status::Actual]);
        assert_eq!(rule.actions().collect::<Vec<_>>(), [Action::Notify]);
        assert!(parse("").unwrap().rules.is_empty());
    }

    /// The rules files that documents show, with places that are there.
    fn shown(text: &str) -> Rules {
        let place = tempfile::tempdir().unwrap();
        let secret = place.path().join("hook.secret");
        fs::write(&secret, "sixteen bytes or more").unwrap();
        fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let text = text
            .replace("/etc/liandong/hook.secret", secret.to_str().unwrap())
            .replace("/var/spool/liandong/out", place.path().to_str().unwrap())
            .replace("/usr/local/bin/siren", "/bin/true");
        parse(&text).unwrap()
    }

    #[test]
    fn the_examples_of_the_documents_are_rules_and_both_languages_show_the_same() {
        assert_eq!(parse(EXAMPLE).unwrap().rules.len(), 3);
        let documents =
            [include_str!("../../../docs/automation.md"), include_str!("../../../docs/automation.zh-CN.md")];
        let [en, zh] =
            documents.map(|text| shown(text.split("```toml\n").nth(1).unwrap().split("```").next().unwrap()));
        let shape = |rules: &Rules| {
            let rule = |rule: &Rule| (rule.name.clone(), rule.on, rule.actions().map(Action::name).collect::<Vec<_>>());
            rules.rules.iter().map(rule).collect::<Vec<_>>()
        };
        assert_eq!(shape(&en), shape(&zh));
        let named: Vec<&str> = en.rules.iter().flat_map(Rule::actions).map(Action::name).collect();
        assert!(Action::ALL.iter().all(|action| named.contains(&action.name())), "{named:?}");
    }

    #[test]
    fn a_secret_is_for_its_owner_alone_and_long_enough() {
        let place = tempfile::tempdir().unwrap();
        let secret = place.path().join("secret");
        let write = |text: &str, mode| {
            fs::write(&secret, text).unwrap();
            fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
            webhook::secret(&secret)
        };
        assert_eq!(write("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", 0o600).unwrap().len(), 24);
        assert_eq!(write("sixteen bytes...", 0o600).unwrap(), b"sixteen bytes...");
        for (text, mode) in [("short", 0o600), ("whsec_???", 0o600), ("sixteen bytes...", 0o640)] {
            assert_eq!(write(text, mode).unwrap_err().rule, "rules.secret", "{text} {mode:o}");
        }
    }

    #[test]
    fn every_fault_names_the_rule_the_key_and_the_place() {
        for (text, field, says) in [
            (NOTICE.replace("on =", "onn ="), "", "line 3, column 1: unknown field `onn`, expected one of"),
            (NOTICE.replace("on =", "onn ="), "", "did you mean on?"),
            (NOTICE.replace("received", "recieved"), "rule[a].on", "did you mean received?"),
            (NOTICE.replace("notify", "when = 'knd == 1'\nnotify"), "rule[a].when", "1:1: nothing is called knd"),
            (NOTICE.replace("{ text = \"x\" }", "{ text = \"{{ knd }}\" }"), "rule[a].notify.text", "knd"),
            (format!("{NOTICE}{NOTICE}"), "rule[a].name", "two rules"),
            (NOTICE.replace("\"a\"", "\"A b\""), "rule[A b].name", "a-z"),
            (format!("{NOTICE}hops = 8\n"), "rule[a].hops", "8 > 7"),
            (format!("{NOTICE}per_hour = 9999\n"), "rule[a].per_hour", "9999 > 3600"),
            (format!("role = \"SHIFT_LEADER\"\n{NOTICE}"), "role", "SHIFT_LEADER"),
            (NOTICE.replace("notify = { text = \"x\" }", ""), "rule[a]", "it does nothing"),
            (
                NOTICE.replace("received", "receipt").replace("notify = { text = \"x\" }", "acknowledge = {}"),
                "rule[a].acknowledge",
                "only on",
            ),
            (NOTICE.replace("notify = { text = \"x\" }", "run = { command = [\"ls\"] }"), "rule[a].run.command", "ls"),
            (
                NOTICE.replace("notify = { text = \"x\" }", "write = { folder = \"relative\" }"),
                "rule[a].write.folder",
                "relative",
            ),
            (NOTICE.replace("notify = { text = \"x\" }", "forward = { to = [] }"), "rule[a].forward.to", "1 to 64"),
        ] {
            let refused = refusal(&text);
            assert_eq!(refused.field, field, "{text}\n{refused}");
            assert!(refused.detail.contains(says), "{text}\n{refused}");
        }
    }
}
