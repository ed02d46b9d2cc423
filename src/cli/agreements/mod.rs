//! Agreements between members (K54): proposed, signed, suspended, and what they let an operator grant.

mod known;
mod view;

use clap::Subcommand;
use model::{kind::Kind, status::Action};

use super::{
    desk::Where,
    matters::step::{Begin, On, Step},
    out::Context,
};

/// What to do with agreements.
#[derive(Debug, Subcommand)]
pub enum Agreements {
    /// Agreements known here: where they stand, who has signed
    Ls(view::List),
    /// One agreement: its terms, its signatures, and what comes next
    Show(view::Show),
    /// Put an agreement up for signing
    Propose(Box<Begin>),
    /// Put other terms up: every party signs anew
    Amend(Box<On>),
    /// Sign an agreement for our jurisdiction
    Sign(Box<On>),
    /// Say that we do not sign, and why
    Decline(Box<On>),
    /// Suspend an agreement of ours; another party uses ask-suspend
    Suspend(Box<On>),
    /// Ask the author of an agreement that we have signed to suspend it
    AskSuspend(Box<On>),
    /// Put a suspended agreement of ours in force again
    Resume(Box<On>),
    /// The lines of grants.toml that an agreement in force stands for, for the operator
    Grants(view::Grants),
}

impl Agreements {
    /// Does it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let step = |action, says| Step { kind: Kind::Agreement, action, says };
        match self {
            Self::Ls(list) => list.run(place, context).await,
            Self::Show(show) => show.run(place, context).await,
            Self::Grants(grants) => grants.run(place, context).await,
            Self::Propose(how) => how.run(&step(Action::Originate, &[("standing", "PROPOSED")]), place, context).await,
            Self::Amend(how) => how.run(&step(Action::Update, &[("standing", "PROPOSED")]), place, context).await,
            Self::Sign(how) => how.run(&step(Action::Reply, &[("reply.answer", "SIGNED")]), place, context).await,
            Self::Decline(how) => how.run(&step(Action::Reply, &[("reply.answer", "DECLINED")]), place, context).await,
            Self::Suspend(how) => how.run(&step(Action::Update, &[("standing", "SUSPENDED")]), place, context).await,
            Self::AskSuspend(how) => {
                how.run(&step(Action::Reply, &[("reply.answer", "SUSPENDED")]), place, context).await
            }
            Self::Resume(how) => how.run(&step(Action::Update, &[("standing", "RESUMED")]), place, context).await,
        }
    }
}
