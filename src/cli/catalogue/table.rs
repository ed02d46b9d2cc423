//! Catalogues as tables that Excel and WPS open.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use agent::formats::sheet::{csv, write};
use anyhow::Context as _;
use clap::Args;
use model::kind::Kind;
use proto::{rules, v1, v1::body::Body};

use super::{records_of, us};
use crate::{
    cli::{desk::Where, out::Context},
    clock,
};

/// Whose catalogue, and where to.
#[derive(Args, Debug)]
#[command(
    after_help = "  liandong catalogue export resources.csv\n  liandong catalogue export neighbour.csv --of 320300"
)]
pub struct Export {
    /// Where to write it; `-` is standard output
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,
    /// Whose catalogue; unset: the own
    #[arg(long, value_name = "MEMBER")]
    of: Option<String>,
}

/// An empty table.
#[derive(Args, Debug)]
#[command(after_help = "  liandong catalogue template resources.csv --example")]
pub struct Template {
    /// Where to write it; `-` is standard output
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,
    /// With one row as an example
    #[arg(long)]
    example: bool,
}

impl Export {
    /// Writes it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let mut desk = place.client(context.lang).await?;
        let owner = match self.of {
            Some(of) => of,
            None => us(&mut desk).await?,
        };
        let (records, from_cache) = records_of(&mut desk, &owner).await?;
        save(&self.file, &records, context)?;
        let (count, file) = (records.len(), self.file.display());
        context
            .tell(&format!("{file}：{owner} 的 {count} 项资源。"), &format!("{file}: {count} resources of {owner}."));
        if from_cache {
            context.tell(
                "链路不通：这是本机副本，可能已有更新。",
                "The link is down: this is the copy here; there may be a newer one.",
            );
        }
        let command = format!("liandong catalogue import {file} --dry-run");
        context.next(&command, "修改后先比对，再导入", "edit it, compare, then import it");
        Ok(())
    }
}

impl Template {
    /// Writes it.
    pub fn run(self, context: Context) -> anyhow::Result<()> {
        let record = if self.example { example(context) } else { None };
        save(&self.file, &record.into_iter().collect::<Vec<_>>(), context)?;
        let command = format!("liandong catalogue import {} --dry-run", self.file.display());
        context.next(&command, "填好后先检查，再导入", "fill it in, check it, then import it");
        Ok(())
    }
}

fn example(context: Context) -> Option<v1::ResourceRecord> {
    match rules::example(Kind::CatalogueChange, context.lang, clock::system().now()).body?.body? {
        Body::CatalogueChange(change) => change.record.map(|record| whole(record, context)),
        _ => None,
    }
}

/// The contract's example with what a good record has besides: a place, somebody to call, and a measure.
fn whole(record: v1::ResourceRecord, context: Context) -> v1::ResourceRecord {
    let say = |zh: &str, en: &str| context.say(zh, en).to_owned();
    let place = v1::Place {
        division: "371322".to_owned(),
        address: say("郯城县红花镇", "Honghua, Tancheng county"),
        point: Some(v1::Point { lat_e7: 344_500_000, lon_e7: 1_183_600_000 }),
    };
    let contact = v1::Contact {
        name: say("孙建国", "Sun Jianguo"),
        phone: "138-0000-0119".to_owned(),
        verified_at: record.last_verified_at,
        ..v1::Contact::default()
    };
    let measure =
        v1::Capability { code: "leak-sealing-pressure".to_owned(), min: Some(1), max: Some(2), unit: "MPa".to_owned() };
    v1::ResourceRecord {
        place: Some(place),
        contact_24h: Some(contact),
        capabilities: vec![measure],
        quantity_available: record.quantity_available.or(Some(1)),
        ..record
    }
}

fn save(file: &Path, records: &[v1::ResourceRecord], context: Context) -> anyhow::Result<()> {
    let text = csv::write(&write::rows(records, context.lang));
    if file == Path::new("-") {
        return Ok(std::io::stdout().lock().write_all(text.as_bytes())?);
    }
    fs::write(file, text).with_context(|| file.display().to_string())
}
