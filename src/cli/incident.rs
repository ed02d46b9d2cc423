//! Incidents at this desk: learned of, reported, told by others.

use clap::Subcommand;
use model::level::EventLevel;
use proto::v1;
use serde::Serialize;

use super::{
    compose::values,
    deadlines,
    desk::{Where, ask},
    matters,
    out::{self, Context, cell, muted},
    words,
};
use crate::clock;

/// What to do with incidents.
#[derive(Debug, Subcommand)]
pub enum Incident {
    /// An incident was learned of: get its id, and start the time for its reports
    New {
        /// What happened, in a few words
        #[arg(value_name = "TITLE")]
        title: String,
        /// How grave it looks now: l1 (gravest) to l4, l0 when nobody can tell
        #[arg(long, value_name = "LEVEL", default_value = "l0", value_parser = values::list::<EventLevel>())]
        level: EventLevel,
        /// When the desk learned of it; unset: now
        #[arg(long, value_name = "TIME")]
        known_at: Option<values::When>,
        /// Who says so; unset: whoever the agent's configuration names
        #[arg(long = "as", value_name = "NAME/ROLE", value_parser = values::officer)]
        officer: Option<v1::Officer>,
    },
    /// A report on an incident
    #[command(flatten)]
    Report(matters::IncidentReport),
    /// List incidents, newest first
    Ls {
        /// Those that are over as well
        #[arg(long)]
        all: bool,
        /// At most this many
        #[arg(short = 'n', long, value_name = "N", default_value_t = 50, value_parser = values::up_to(1_000))]
        limit: u32,
    },
}

#[derive(Serialize)]
struct Learned {
    incident_id: String,
    deadlines: Vec<deadlines::Row>,
}

#[derive(Serialize)]
struct Row {
    incident_id: String,
    title: String,
    state: String,
    event_level: String,
    known_at: Option<String>,
    opened_by: String,
}

impl Incident {
    /// Does it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        match self {
            Self::New { title, level, known_at, officer } => {
                let known_at = known_at.map(|at| proto::border::time::to_wire(at.from(clock::system().now())));
                let ask_for = v1::LearnIncidentRequest { title, event_level: level.number(), known_at, officer };
                new(place, ask_for, context).await
            }
            Self::Report(step) => step.run(place, context).await,
            Self::Ls { all, limit } => list(place, all, limit, context).await,
        }
    }
}

async fn new(place: &Where, ask_for: v1::LearnIncidentRequest, context: Context) -> anyhow::Result<()> {
    let mut desk = place.client(context.lang).await?;
    let learned = desk.learn_incident(ask(ask_for)).await?.into_inner();
    let value = Learned {
        incident_id: learned.incident_id.clone(),
        deadlines: learned.deadlines.iter().map(deadlines::row).collect(),
    };
    context.value(&value, |value| {
        let cells = learned.deadlines.iter().map(|seen| deadlines::cells(seen, context));
        format!("{}\n\n{}", value.incident_id, out::table(None, cells))
    })?;
    let command = format!("liandong incident report --incident {} --edit", learned.incident_id);
    context.next(&command, "写初报", "write the first report");
    Ok(())
}

async fn list(place: &Where, all: bool, limit: u32, context: Context) -> anyhow::Result<()> {
    let mut desk = place.client(context.lang).await?;
    let found = desk.incidents(ask(v1::IncidentsRequest { all, limit })).await?.into_inner().incidents;
    let state = |seen: &v1::IncidentSeen| {
        let state = seen.state.clone().unwrap_or_default();
        context.say(&state.text_zh, &state.name).to_owned()
    };
    if !context.is_table() {
        return context.json(found.iter().map(|seen| Row {
            incident_id: seen.incident_id.clone(),
            title: seen.title.clone(),
            state: seen.state.clone().unwrap_or_default().name,
            event_level: words::event_level(seen.event_level, crate::lang::Lang::En),
            known_at: out::rfc3339(seen.known_at),
            opened_by: words::whole(&seen.opened_by),
        }));
    }
    let header = [("事件", "INCIDENT"), ("级别", "LEVEL"), ("状态", "STATE"), ("接报", "KNOWN"), ("标题", "TITLE")];
    let cells = |seen: &v1::IncidentSeen| {
        vec![
            cell(&seen.incident_id),
            cell(words::event_level(seen.event_level, context.lang)),
            cell(state(seen)),
            muted(&context.time(seen.known_at)),
            cell(&seen.title),
        ]
    };
    context.table(&header, found.iter().map(cells))?;
    if let Some(first) = found.first() {
        let command = format!("liandong thread ls --incident {}", first.incident_id);
        context.next(&command, "这个事件的全部会话", "all threads of this incident");
    }
    Ok(())
}
