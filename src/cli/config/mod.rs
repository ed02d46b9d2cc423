//! Configuration files: checked before a program reads them, shown with comments, explained key by key.

pub mod keys;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use certs::keys::KeyError;
use clap::{Subcommand, ValueEnum};
use model::invalid::Invalid;
use serde::{Serialize, de::DeserializeOwned};

use self::keys::Key;
use super::{
    exit::{BadInput, Forbidden, NotFound},
    out::{self, Context},
    rules, starts, suggest,
};
use crate::{
    clock,
    lang::{Lang, say},
};

/// Whose configuration.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Program {
    /// `liandong broker`.
    Broker,
    /// `liandong agent`.
    Agent,
}

impl Program {
    const fn name(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Agent => "agent",
        }
    }
}

/// What to do with a configuration.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Check a file without starting anything
    Check {
        /// Whose
        #[arg(value_name = "PROGRAM", value_enum)]
        program: Program,
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Show a commented example
    Print {
        /// Whose
        #[arg(value_name = "PROGRAM", value_enum)]
        program: Program,
    },
    /// What a key means, its default and unit
    Explain {
        /// The key, for example listen, desk.socket or agent.broker
        #[arg(value_name = "KEY")]
        key: String,
    },
}

impl Config {
    /// Does it.
    pub fn run(self, context: Context) -> anyhow::Result<()> {
        match self {
            Self::Check { program, file } => check(program, &file, context),
            Self::Print { program } => print(program, context),
            Self::Explain { key } => explain(&key, context),
        }
    }
}

/// Reads a configuration; an unknown key is an error that names the nearest known one.
pub fn read<C: DeserializeOwned>(program: Program, file: &Path, lang: Lang) -> anyhow::Result<C> {
    let at = || format!("{} {}", say(lang, "配置", "configuration"), file.display());
    let text = fs::read_to_string(file).map_err(|error| unreadable(program, file, error, lang))?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| BadInput(error.to_string())).with_context(at)?;
    if let Some(unknown) = first_unknown(program, &table, "") {
        return Err(anyhow::Error::new(BadInput(unknown_text(program, &unknown, lang))).context(at()));
    }
    toml::from_str(&text).map_err(|error| BadInput(error.to_string())).with_context(at)
}

fn unreadable(program: Program, file: &Path, error: io::Error, lang: Lang) -> anyhow::Error {
    let (at, name) = (file.display(), program.name());
    let (zh, en) = match error.kind() {
        io::ErrorKind::NotFound => (
            format!("没有配置文件 {at}；`liandong config print {name}` 给出一份带注释的示例"),
            format!("there is no configuration file {at}; `liandong config print {name}` shows a commented example"),
        ),
        io::ErrorKind::PermissionDenied => (
            format!("无权读取配置文件 {at}：请以其所有者的身份运行，或放宽其权限"),
            format!("no permission to read the configuration file {at}: run as its owner, or let this user read it"),
        ),
        _ => {
            let what = format!("{} {at}", say(lang, "配置", "configuration"));
            return anyhow::Error::new(error).context(what);
        }
    };
    let text = say(lang, &zh, &en).to_owned();
    if error.kind() == io::ErrorKind::NotFound { NotFound(text).into() } else { Forbidden(text).into() }
}

/// The first key, by its whole path, that nobody reads.
fn first_unknown(program: Program, table: &toml::Table, within: &str) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let path = if within.is_empty() { key.clone() } else { format!("{within}.{key}") };
        let inner = keys::of(program).any(|known| known.path.starts_with(&format!("{path}.")));
        match value {
            toml::Value::Table(table) if inner => first_unknown(program, table, &path),
            _ if keys::of(program).any(|known| known.path == path) => None,
            _ => Some(path),
        }
    })
}

fn unknown_text(program: Program, key: &str, lang: Lang) -> String {
    let near = suggest::nearest(key, keys::of(program).map(|known| known.path));
    // a key in the wrong table has the right last name
    let last = key.rsplit('.').next().unwrap_or(key);
    let moved = || keys::of(program).map(|known| known.path).find(|known| known.rsplit('.').next() == Some(last));
    let (zh, en) = if let Some(near) = near.or_else(moved) {
        (format!("是否指 `{near}`？"), format!("did you mean `{near}`?"))
    } else {
        let command = format!("`liandong config print {}`", program.name());
        (format!("全部配置项见 {command}"), format!("{command} shows all keys"))
    };
    match lang {
        Lang::Zh => format!("没有名为 `{key}` 的配置项；{zh}"),
        Lang::En => format!("no key is called `{key}`; {en}"),
    }
}

fn check(program: Program, file: &Path, context: Context) -> anyhow::Result<()> {
    let trust = match program {
        Program::Broker => read::<broker::config::Config>(program, file, context.lang)?.trust,
        Program::Agent => {
            let config: agent::config::Config = read(program, file, context.lang)?;
            config
                .identity()
                .map_err(|invalid: Invalid| anyhow::Error::new(invalid).context(file.display().to_string()))?;
            if let Some(token) = &config.desk.token_file {
                check_token(token, context)?;
            }
            check_programs(&config)?;
            if let Some(rules) = &config.rules {
                rules::check_named(rules)?;
            }
            config.trust
        }
    };
    let problem = certs::tls::Identity::load(&trust, clock::system()).err().map(|error| match starts::trust(&error) {
        Some((zh, en)) => context.say(&zh, &en).to_owned(),
        None => error.to_string(),
    });
    let good = context.say("配置正确", "the configuration is good");
    let value = serde_json::json!({ "file": file, "good": true, "trust_problem": &problem });
    context.value(&value, |_| good.to_owned())?;
    if let Some(problem) = problem {
        let trust = trust.display();
        context.tell(
            &format!("注意：信任目录 {trust} 还不能用：{problem}"),
            &format!("note: the trust directory {trust} cannot be used yet: {problem}"),
        );
    }
    let command = format!("liandong {} --config {}", program.name(), file.display());
    context.next(&command, "启动", "start it");
    Ok(())
}

/// A drop folder is for the agent alone, and so is the token of the events door, once it is made.
fn check_programs(config: &agent::config::Config) -> anyhow::Result<()> {
    if let Some(folder) = &config.drop.folder {
        agent::drop::check(folder)?;
    }
    match &config.events.token_file {
        Some(file) if file.exists() => {
            certs::keys::read(file).map(|_| ()).map_err(|error| anyhow::Error::new(error).context("events.token_file"))
        }
        Some(_) | None => Ok(()),
    }
}

/// A desk on loopback does not start without its token.
fn check_token(file: &Path, context: Context) -> anyhow::Result<()> {
    let Err(error) = certs::keys::read(file) else { return Ok(()) };
    let at = file.display();
    let missing = matches!(&error, KeyError::Disk { source, .. } if source.kind() == io::ErrorKind::NotFound);
    if missing {
        let zh = format!("没有 desk.token_file 所指的文件 {at}：{}", starts::TOKEN_ZH);
        let en = format!("there is no {at}, which desk.token_file names: {}", starts::TOKEN_EN);
        return Err(NotFound(context.say(&zh, &en).to_owned()).into());
    }
    Err(anyhow::Error::new(error).context("desk.token_file"))
}

fn print(program: Program, context: Context) -> anyhow::Result<()> {
    let example = match program {
        Program::Broker => broker::config::EXAMPLE,
        Program::Agent => agent::config::EXAMPLE,
    };
    if !context.is_table() {
        let value: toml::Table = toml::from_str(example)?;
        return context.value(&value, |_| String::new());
    }
    out::line(example)?;
    let name = program.name();
    let command = format!("liandong config print {name} > {name}.toml; liandong config check {name} {name}.toml");
    context.next(&command, "存为文件，改后检查", "keep it as a file, change it, check it");
    Ok(())
}

#[derive(Serialize)]
struct Explained {
    program: &'static str,
    key: &'static str,
    required: bool,
    default: Option<&'static str>,
    unit: Option<&'static str>,
    zh: &'static str,
    en: &'static str,
}

fn explain(text: &str, context: Context) -> anyhow::Result<()> {
    let found: Vec<Explained> = keys::KEYS.iter().filter(|key| key.is_meant_by(text)).map(Explained::from).collect();
    if found.is_empty() {
        let near = suggest::nearest(text, keys::KEYS.iter().map(|known| known.path));
        let (zh, en) = match near {
            Some(near) => (format!("；是否指 `{near}`？"), format!("; did you mean `{near}`?")),
            None => (String::new(), String::new()),
        };
        let zh = format!("没有名为 `{text}` 的配置项{zh}");
        let en = format!("no key is called `{text}`{en}");
        return Err(NotFound(context.say(&zh, &en).to_owned()).into());
    }
    if !context.is_table() {
        return context.json(found.iter());
    }
    let texts: Vec<String> = found.iter().map(|key| key.text(context)).collect();
    out::line(&texts.join("\n\n"))
}

impl From<&Key> for Explained {
    fn from(key: &Key) -> Self {
        let given = |text: &'static str| (!text.is_empty()).then_some(text);
        Self {
            program: key.program.name(),
            key: key.path,
            required: key.default == keys::REQUIRED,
            default: given(key.default).filter(|default| *default != keys::REQUIRED),
            unit: given(key.unit),
            zh: key.zh,
            en: key.en,
        }
    }
}

impl Explained {
    fn text(&self, context: Context) -> String {
        let default = match (self.required, self.default) {
            (true, _) => context.say("必填，无默认值", "must be given"),
            (false, None) => context.say("不设", "unset"),
            (false, Some(default)) => default,
        };
        let facts = [
            (("含义", "meaning"), context.say(self.zh, self.en).to_owned()),
            (("默认", "default"), default.to_owned()),
            (("单位", "unit"), self.unit.unwrap_or_default().to_owned()),
        ];
        let told = facts.into_iter().filter(|(_, value)| !value.is_empty());
        let facts = out::facts(told.map(|((zh, en), value)| (context.say(zh, en).to_owned(), value)));
        format!("{} · {}\n{facts}", self.program, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(program: Program, text: &str) -> Option<String> {
        first_unknown(program, &toml::from_str(text).unwrap(), "")
    }

    #[test]
    fn every_key_of_the_examples_is_known() {
        assert_eq!(unknown(Program::Broker, broker::config::EXAMPLE), None);
        assert_eq!(unknown(Program::Agent, agent::config::EXAMPLE), None);
    }

    #[test]
    fn an_unknown_key_is_named_with_the_nearest_known_one() {
        assert_eq!(unknown(Program::Agent, "[desk]\nsockt = \"x\""), Some("desk.sockt".into()));
        let text = unknown_text(Program::Agent, "desk.sockt", Lang::En);
        assert_eq!(text, "no key is called `desk.sockt`; did you mean `desk.socket`?");
        let text = unknown_text(Program::Agent, "duty_phone", Lang::Zh);
        assert_eq!(text, "没有名为 `duty_phone` 的配置项；是否指 `officer.duty_phone`？");
    }

    /// Which keys serde takes, as its own error names them.
    fn taken<C: DeserializeOwned + std::fmt::Debug>(table: &str) -> Vec<String> {
        let text = format!("{table}\nno_such_key = 1\n");
        let error = toml::from_str::<C>(&text).unwrap_err().message().to_owned();
        let names = error.split_once("expected").expect("the error names the keys").1;
        names.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    fn explained(program: Program, table: &str) -> Vec<&'static str> {
        let inner = keys::of(program).filter_map(|key| key.path.strip_prefix(table));
        let mut names: Vec<&str> = inner.map(|key| key.split_once('.').map_or(key, |(table, _)| table)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    #[test]
    fn every_key_that_a_program_reads_is_explained_and_no_other() {
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        assert_eq!(sorted(taken::<broker::config::Config>("")), explained(Program::Broker, ""));
        assert_eq!(sorted(taken::<agent::config::Config>("")), explained(Program::Agent, ""));
        for table in ["link", "desk", "officer"] {
            let names = sorted(taken::<agent::config::Config>(&format!("[{table}]")));
            assert_eq!(names, explained(Program::Agent, &format!("{table}.")), "{table}");
        }
    }
}
