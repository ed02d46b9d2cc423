//! Complete, valid examples of every kind, to begin with.

use model::time::Timestamp;
use proto::rules::{self, KindInfo};

use super::sheet;
use crate::{
    cli::{
        kinds,
        out::{self, Context},
    },
    lang::say,
};

/// Prints an example: TOML for people, JSON for programs.
pub fn print(kind: &KindInfo, now: Timestamp, context: Context) -> anyhow::Result<()> {
    if context.is_table() {
        out::line(&toml(kind, now, context))?;
        let name = kinds::option(kind);
        let command = format!("liandong send {name} --example > m.toml; liandong send {name} -f m.toml");
        context.next(&command, "存为文件，改后发送", "keep it as a file, change it, send it");
        return Ok(());
    }
    context.value(&rules::draft_to_json(&rules::example(kind.kind, context.lang, now)), |_| String::new())
}

/// An example as TOML, with the name of each field above it.
pub fn toml(kind: &KindInfo, now: Timestamp, context: Context) -> String {
    let draft = rules::draft_to_json(&rules::example(kind.kind, context.lang, now));
    let text = sheet::write(&draft, kind.kind, context.lang);
    let title = say(context.lang, &kind.zh, &kind.en);
    let rest = context.say("示例，请改成实情", "an example: say what is true");
    format!("# {} {title} · {rest}\n{text}", kind.kind.code())
}
