//! Duty rosters: who is on duty when, here and at the neighbours.

mod check;
mod file;
pub mod view;

use std::path::PathBuf;

use clap::Subcommand;
use model::{kind::Kind, role::Role, roster, time::Timestamp};
use proto::{border::facts::roster as wire, v1};

use self::file::Plan;
use super::{
    compose::values::{self, When},
    desk::{Client, Where, ask, within},
    exit::{BadInput, NotFound},
    out::Context,
};
use crate::clock;

/// A change waits for the broker's word.
const CHANGE: std::time::Duration = std::time::Duration::from_secs(40);
/// How long after the last shift the names and numbers of a roster are kept.
const KEPT: std::time::Duration = std::time::Duration::from_hours(30 * 24);
/// How long a shift that is over stays in the roster.
const PAST: std::time::Duration = std::time::Duration::from_hours(24);

/// What to do with rosters.
#[derive(Debug, Subcommand)]
pub enum Roster {
    /// Show a roster, shift by shift; from the copy here when the link is down
    Show {
        /// Whose; unset: our own
        #[arg(value_name = "JURISDICTION")]
        jurisdiction: Option<String>,
    },
    /// Who is on duty, by every roster that is known here, and whom to call
    OnDuty {
        /// Whose; unset: everybody's
        #[arg(value_name = "JURISDICTION")]
        jurisdiction: Option<String>,
        /// When; unset: now
        #[arg(long, value_name = "TIME")]
        at: Option<When>,
    },
    /// Write our roster from a file; needs the link
    Set {
        /// Shifts as TOML or JSON, see --example; `-` is standard input
        #[arg(value_name = "FILE", required_unless_present = "example")]
        file: Option<PathBuf>,
        /// Who writes it: a shift leader or a resource manager
        #[arg(long = "as", value_name = "NAME/ROLE", value_parser = values::officer, required_unless_present = "example")]
        officer: Option<v1::Officer>,
        /// Print an example and end
        #[arg(long)]
        example: bool,
    },
    /// Somebody takes a post over from now on; whoever is there leaves; needs the link
    Take {
        /// Who takes over
        #[arg(value_name = "NAME")]
        name: String,
        /// Which post
        #[arg(long, default_value = "duty-officer", value_parser = values::list::<Role>())]
        role: Role,
        /// The telephone; unset: as the roster knows that person
        #[arg(long, value_name = "NUMBER")]
        phone: Option<String>,
        /// Until when; unset: until the end of the shift that is taken over, or until the next begins
        #[arg(long, value_name = "TIME")]
        until: Option<When>,
        /// Who writes it: a shift leader or a resource manager
        #[arg(long = "as", value_name = "NAME/ROLE", value_parser = values::officer)]
        officer: v1::Officer,
    },
    /// Look for gaps and overlaps; a gap at a post that must be filled ends with exit code 65
    Check {
        /// A file instead of our roster, before it is written
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// Over so many days from now on
        #[arg(long, value_name = "N", default_value_t = 7, value_parser = values::up_to(366))]
        days: u32,
    },
}

impl Roster {
    /// Does it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let now = clock::system().now();
        match self {
            Self::Set { example: true, .. } => file::example(now, context),
            Self::Set { file: None, .. } | Self::Set { officer: None, .. } => Ok(()), // clap asks for both
            Self::Set { file: Some(file), officer: Some(officer), .. } => {
                let plan = file::read(&file, now, context)?;
                let mut desk = place.client(context.lang).await?;
                let before = Own::of(&mut desk).await?;
                before.replace(&mut desk, &plan, officer, now, context).await
            }
            Self::Check { file: Some(file), days } => check::run(&file::read(&file, now, context)?, days, now, context),
            Self::Check { file: None, days } => {
                let own = Own::of(&mut place.client(context.lang).await?).await?;
                check::run(own.known(context)?, days, now, context)
            }
            Self::Show { jurisdiction } => {
                let mut desk = place.client(context.lang).await?;
                let whose = match jurisdiction {
                    Some(whose) => whose,
                    None => us(&mut desk).await?,
                };
                view::show(&mut desk, &whose, now, context).await
            }
            Self::OnDuty { jurisdiction, at } => {
                let mut desk = place.client(context.lang).await?;
                let at = at.map(|at| at.from(now));
                view::on_duty(&mut desk, jurisdiction.as_deref(), at, context).await
            }
            Self::Take { name, role, phone, until, officer } => {
                let mut desk = place.client(context.lang).await?;
                let own = Own::of(&mut desk).await?;
                let phones = phone.map_or_else(|| own.phones_of(&name, context), |phone| Ok(vec![phone]))?;
                let comes = roster::Shift { name, phones, from: None, to: until.map(|until| until.from(now)) };
                let plan = own.roster.clone().unwrap_or_default().taken_over(role, comes, now);
                own.replace(&mut desk, &plan, officer, now, context).await
            }
        }
    }
}

async fn us(desk: &mut Client) -> anyhow::Result<String> {
    Ok(desk.link_status(ask(v1::LinkStatusRequest {})).await?.into_inner().jurisdiction)
}

/// Our own roster as the broker has it, or as it lies here.
struct Own {
    us: String,
    roster: Option<Plan>,
    etag: bytes::Bytes,
}

impl Own {
    async fn of(desk: &mut Client) -> anyhow::Result<Self> {
        let us = us(desk).await?;
        let document = view::pull(desk, &us).await?.and_then(|pulled| pulled.document);
        let head = document.and_then(|document| document.head);
        let etag = head.as_ref().map(|head| head.etag.clone()).unwrap_or_default();
        let roster = head.is_some().then(|| wire::of_head(head.as_ref()));
        Ok(Self { us, roster, etag })
    }

    fn known(&self, context: Context) -> anyhow::Result<&Plan> {
        self.roster.as_ref().ok_or_else(|| view::none(&self.us, context).into())
    }

    /// The numbers under which the roster knows a person.
    fn phones_of(&self, name: &str, context: Context) -> anyhow::Result<Vec<String>> {
        let mut all = self.roster.iter().flat_map(Plan::posts).flat_map(|(_, shifts)| shifts);
        let named = all.find(|shift| roster::same_name(&shift.name, name)).map(|shift| shift.phones.clone());
        let unknown = || {
            let zh = format!("值班表里没有 {name} 的电话：用 --phone 填写");
            let en = format!("the roster has no telephone of {name}: give it with --phone");
            BadInput(context.say(&zh, &en).to_owned()).into()
        };
        named.ok_or_else(unknown)
    }

    /// Writes the roster anew, over the version that was read. The broker has it when this returns.
    async fn replace(
        self,
        desk: &mut Client,
        plan: &Plan,
        officer: v1::Officer,
        now: Timestamp,
        context: Context,
    ) -> anyhow::Result<()> {
        let plan = plan.clone().without_past(now.minus(PAST));
        let change = v1::DocumentChange {
            document_id: format!("roster/{}", self.us),
            op: v1::DocumentOp::Put.into(),
            if_match: self.etag,
            ..v1::DocumentChange::default()
        };
        let draft = file::draft(&plan, change, officer, now);
        desk.change_document(within(CHANGE, v1::ChangeDocumentRequest { draft: Some(draft) })).await?;
        view::on_duty(desk, Some(&self.us), None, context).await?;
        context.tell("中心已受理；相邻单位数秒内看到。", "The broker has it; neighbours see it within seconds.");
        context.next("liandong roster check", "检查有无空档", "look for gaps");
        Ok(())
    }
}
