//! Looks at a CAP file by itself; no agent is asked.

use std::path::PathBuf;

use agent::formats::cap;
use clap::Args;

use super::findings::{self, Row};
use crate::cli::{
    desk::Where,
    exit::{DATA, Said},
    out::Context,
};

/// Which file.
#[derive(Args, Debug)]
#[command(after_help = "  liandong alert check warning.cap")]
pub struct Check {
    /// The CAP file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Check {
    /// Does it.
    #[expect(clippy::unused_async, reason = "as every verb of the noun")]
    pub async fn run(self, _place: &Where, context: Context) -> anyhow::Result<()> {
        let reading = cap::read(&super::read(&self.file)?)?;
        let rows: Vec<Row> = reading.findings.iter().map(|finding| Row::of(finding, context)).collect();
        findings::print(&rows, context)?;
        let file = self.file.display();
        if reading.alert.is_none() {
            context.tell("结论：不予采用。", "Verdict: not taken.");
            return Err(Said(DATA).into());
        }
        context.tell(
            "结论：可以采用。是否与本机已有的预警相符，导入时再核对。",
            "Verdict: taken. Whether it fits the alerts that are here is looked at by the import.",
        );
        context.next(&format!("liandong alert import {file}"), "导入为草稿", "read it as a draft");
        Ok(())
    }
}
