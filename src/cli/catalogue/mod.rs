//! Resource catalogues: find what neighbours have, and publish what we have.

mod change;
mod import;
mod search;
mod show;
mod table;

use std::time::Duration;

use clap::{Args, Subcommand};
use model::{precedence::Precedence, role::Role};
use proto::v1;

use super::{
    compose::values,
    desk::{Client, Where, ask, within},
    exit::NotFound,
    out::Context,
};

/// A change of many records waits for the broker's word on each.
const PUBLISH: Duration = Duration::from_mins(5);

/// What to do with catalogues.
#[derive(Debug, Subcommand)]
pub enum Catalogue {
    /// Find resources of every member, the nearest first; in the copies here when the link is down
    Search(Box<search::Search>),
    /// One resource: its record, how good that is, and what goes on with it
    Show(show::Show),
    /// Make the own catalogue say what a table says (.csv or .xlsx); needs the link
    Import(import::Import),
    /// Write a catalogue as a table (.csv) that Excel and WPS open
    Export(table::Export),
    /// Verify records of the own catalogue, or change some of their fields; needs the link
    Publish(change::Publish),
    /// Take records out of the own catalogue; needs the link
    Remove(change::Remove),
    /// Write an empty table (.csv) to be filled in and imported
    Template(table::Template),
}

/// Who speaks, and how urgently.
#[derive(Args, Clone, Copy, Debug)]
pub struct Speaking {
    /// Speak in this role; unset: that of the agent's configuration
    #[arg(long, value_name = "ROLE", value_parser = values::list::<Role>(), ignore_case = true)]
    role: Option<Role>,
    /// How urgent; unset: routine
    #[arg(short, long, value_name = "PRECEDENCE", value_parser = values::list::<Precedence>(), ignore_case = true)]
    precedence: Option<Precedence>,
}

impl Speaking {
    /// The same as somebody types it.
    fn typed(self) -> String {
        let role = self.role.map(|role| format!(" --role {}", values::Listed::option(role)));
        let precedence =
            self.precedence.map(|precedence| format!(" --precedence {}", values::Listed::option(precedence)));
        [role, precedence].into_iter().flatten().collect()
    }

    /// A request that says so, and nothing else yet.
    fn request(self) -> v1::PublishCatalogueRequest {
        v1::PublishCatalogueRequest {
            role: self.role.map_or(0, Role::number),
            precedence: self.precedence.map_or(0, Precedence::number),
            ..v1::PublishCatalogueRequest::default()
        }
    }
}

impl Catalogue {
    /// Does it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        match self {
            Self::Search(search) => search.run(place, context).await,
            Self::Show(show) => show.run(place, context).await,
            Self::Import(import) => import.run(place, context).await,
            Self::Export(export) => export.run(place, context).await,
            Self::Publish(publish) => publish.run(place, context).await,
            Self::Remove(remove) => remove.run(place, context).await,
            Self::Template(template) => template.run(context),
        }
    }
}

/// Publishes, and waits for the broker's word on each record.
async fn publish(desk: &mut Client, request: v1::PublishCatalogueRequest) -> anyhow::Result<Vec<v1::PublishedRecord>> {
    Ok(desk.publish_catalogue(within(PUBLISH, request)).await?.into_inner().records)
}

/// Our own jurisdiction.
async fn us(desk: &mut Client) -> anyhow::Result<String> {
    Ok(desk.link_status(ask(v1::LinkStatusRequest {})).await?.into_inner().jurisdiction)
}

/// The records of a catalogue; of one that nobody has published, none.
async fn records_of(desk: &mut Client, owner: &str) -> anyhow::Result<(Vec<v1::ResourceRecord>, bool)> {
    let document_id = format!("catalogue/{owner}");
    let pulled = desk.pull_document(ask(v1::PullDocumentRequest { document_id, if_none_match: bytes::Bytes::new() }));
    match pulled.await {
        Ok(pulled) => {
            let v1::PullDocumentResponse { document, from_cache, .. } = pulled.into_inner();
            let items = document.unwrap_or_default().items;
            Ok((items.iter().filter_map(proto::border::catalogue::record_of).collect(), from_cache))
        }
        Err(status) if status.code() == tonic::Code::NotFound => Ok((Vec::new(), false)),
        Err(status) => Err(status.into()),
    }
}

fn unknown(id: &str, context: Context) -> anyhow::Error {
    let zh = format!("目录中没有资源 {id}：`liandong catalogue search` 查找编号");
    let en = format!("no resource {id} in any catalogue: `liandong catalogue search` finds ids");
    NotFound(context.say(&zh, &en).to_owned()).into()
}
