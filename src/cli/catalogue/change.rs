//! Single records of the own catalogue: verified, changed, taken out.

use std::collections::BTreeSet;

use clap::Args;
use model::{kind::Kind, time::Timestamp};
use proto::{border, rules, v1, v1::body::Body};

use super::{Speaking, import::outcomes, publish, records_of, unknown, us};
use crate::{
    cli::{compose::set, desk::Where, exit::BadInput, out::Context},
    clock,
};

/// Which records, and what is said of them.
#[derive(Args, Debug)]
#[command(
    after_help = "  liandong catalogue publish --all --verified\n  liandong catalogue publish 371322-T-0003 --set readiness=OUT_OF_SERVICE\n  liandong catalogue publish 371322-T-0003 --verified --phone-verified"
)]
#[allow(clippy::struct_excessive_bools, reason = "one for each flag")]
pub struct Publish {
    /// Ids of resources; one that is not there yet begins with what --set says
    #[arg(value_name = "ID", required_unless_present = "all")]
    ids: Vec<String>,
    /// Every record of the own catalogue
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// Somebody has just looked: the time of verification is now
    #[arg(long)]
    verified: bool,
    /// Somebody has just called the number and was answered
    #[arg(long)]
    phone_verified: bool,
    /// A field, repeatable: readiness=READY, quantity_available=3, contact_24h.phone=…
    #[arg(long, value_name = "FIELD=VALUE", value_parser = crate::cli::compose::field)]
    set: Vec<(String, String)>,
    /// Only check and compare
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    speaking: Speaking,
}

/// Which records.
#[derive(Args, Debug)]
#[command(after_help = "  liandong catalogue remove 371322-T-0003")]
pub struct Remove {
    /// Ids of resources
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    speaking: Speaking,
}

impl Publish {
    /// Does it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        if !self.verified && !self.phone_verified && self.set.is_empty() {
            let text = context.say(
                "请说明要更新什么：--verified、--phone-verified 或 --set 字段=值",
                "say what is new: --verified, --phone-verified or --set FIELD=VALUE",
            );
            return Err(BadInput(text.to_owned()).into());
        }
        let mut desk = place.client(context.lang).await?;
        let us = us(&mut desk).await?;
        let (there, _) = records_of(&mut desk, &us).await?;
        let now = clock::system().now();
        let records = self.chosen(there, context)?.into_iter().map(|record| self.changed(record, now));
        let records = records.collect::<anyhow::Result<Vec<_>>>()?;
        let request = v1::PublishCatalogueRequest { records, dry_run: self.dry_run, ..self.speaking.request() };
        let named: BTreeSet<String> = request.records.iter().map(|record| record.resource_id.clone()).collect();
        let mut said = publish(&mut desk, request).await?;
        said.retain(|one| named.contains(&one.resource_id));
        outcomes(&said, context)?;
        if let Some(id) = named.first() {
            context.next(&format!("liandong catalogue show {id}"), "查看更新后的记录", "the record as it stands now");
        }
        Ok(())
    }

    /// The records that are meant. One that is not there is begun where its fields are given.
    fn chosen(&self, there: Vec<v1::ResourceRecord>, context: Context) -> anyhow::Result<Vec<v1::ResourceRecord>> {
        if self.all {
            return Ok(there);
        }
        let find = |id: &String| {
            let known = there.iter().find(|record| record.resource_id == *id).cloned();
            let begun = || v1::ResourceRecord { resource_id: id.clone(), ..v1::ResourceRecord::default() };
            known.or_else(|| (!self.set.is_empty()).then(begun)).ok_or_else(|| unknown(id, context))
        };
        self.ids.iter().map(find).collect()
    }

    fn changed(&self, mut record: v1::ResourceRecord, now: Timestamp) -> anyhow::Result<v1::ResourceRecord> {
        if !self.set.is_empty() {
            record = with_fields(record, &self.set, now)?;
        }
        let at = Some(border::time::to_wire(now));
        if self.verified {
            record.last_verified_at = at;
        }
        if let Some(contact) = record.contact_24h.as_mut().filter(|_| self.phone_verified) {
            contact.verified_at = at;
        }
        Ok(record)
    }
}

fn with_fields(
    record: v1::ResourceRecord,
    fields: &[(String, String)],
    now: Timestamp,
) -> anyhow::Result<v1::ResourceRecord> {
    let change = Body::CatalogueChange(v1::CatalogueChange { record: Some(record) });
    let draft = v1::Draft { body: Some(v1::Body { body: Some(change) }), ..v1::Draft::default() };
    let mut value = rules::draft_to_json(&draft);
    for (path, text) in fields {
        let path = if path.starts_with("record.") { path.clone() } else { format!("record.{path}") };
        set::field(&mut value, &path, text, Kind::CatalogueChange, now)?;
    }
    let body = rules::draft_from_json(Some(Kind::CatalogueChange), &value)?.body.and_then(|body| body.body);
    Ok(match body {
        Some(Body::CatalogueChange(change)) => change.record.unwrap_or_default(),
        _ => v1::ResourceRecord::default(),
    })
}

impl Remove {
    /// Does it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let mut desk = place.client(context.lang).await?;
        let request = v1::PublishCatalogueRequest { remove: self.ids.clone(), ..self.speaking.request() };
        let mut said = publish(&mut desk, request).await?;
        said.retain(|one| one.outcome() == v1::PublishOutcome::Removed);
        outcomes(&said, context)?;
        let us = us(&mut desk).await?;
        context.next(&format!("liandong catalogue search --of {us}"), "看本单位目录", "the own catalogue");
        Ok(())
    }
}
