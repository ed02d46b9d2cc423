//! The command line: `liandong NOUN VERB`. Data goes to standard output, talk to standard error.

mod ack;
mod admin;
mod agenda;
mod agreements;
mod alert;
mod audit;
mod blob;
mod bundle;
mod calendar;
mod catalogue;
mod certs;
mod compose;
pub mod config;
mod console;
mod deadlines;
mod desk;
mod drill;
mod errors;
pub mod exit;
mod handover;
mod help;
mod ids;
mod inbox;
mod incident;
mod join;
mod kinds;
mod link;
mod mailbox;
mod matters;
pub mod out;
mod receipts;
mod roster;
mod rules;
mod sbom;
mod send;
mod show;
mod starts;
mod state;
mod suggest;
mod tasks;
mod thread;
mod usage;
mod words;

use std::{path::PathBuf, process::ExitCode};

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::{bench, demo, lang::Lang, run};

/// Emergency coordination between neighbouring jurisdictions.
#[derive(Debug, Parser)]
#[command(
    name = "liandong",
    version,
    about,
    max_term_width = 110,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// Output: a table for people, JSON for programs
    #[arg(short, long, global = true, value_enum, default_value_t = out::Format::Table)]
    output: out::Format,
    /// Only data and errors: no talk, no hints
    #[arg(short, long, global = true)]
    quiet: bool,
    /// No colour; NO_COLOR in the environment does the same
    #[arg(long, global = true)]
    no_color: bool,
    #[command(flatten)]
    desk: desk::Where,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the broker
    Broker {
        /// Configuration file (TOML); `liandong config print broker` shows one
        #[arg(short, long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Run an agent
    Agent {
        /// Configuration file (TOML); `liandong config print agent` shows one
        #[arg(short, long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Send a message
    Send(Box<send::Send>),
    /// Answer a message
    Answer(Box<send::Reply>),
    /// List what came, or what was sent
    Inbox(inbox::Inbox),
    /// Show a message with its receipts; looking is not opening
    Show(show::Show),
    /// Acknowledge a message, or say that an answer will come
    Ack(ack::Acknowledge),
    /// Threads, and the way of one message through all places
    #[command(subcommand)]
    Thread(thread::Thread),
    /// Incidents: learn of one, report on it, list them
    #[command(subcommand)]
    Incident(incident::Incident),
    /// Resources: ask for them, offer, order, send and settle
    #[command(subcommand)]
    Request(matters::Request),
    /// Verification of leads: ask the place concerned, and answer
    #[command(subcommand)]
    Verify(matters::Verify),
    /// Alerts to the areas that they name
    #[command(subcommand)]
    Alert(matters::Alert),
    /// Joint action: traffic, evacuation, gates, shelter
    #[command(subcommand)]
    Action(matters::JointAction),
    /// Consultations: call, join, conclude
    #[command(subcommand)]
    Consult(matters::Consult),
    /// Joint drills: invite, plan, run and evaluate
    #[command(subcommand)]
    Drill(matters::Drill),
    /// Joint meetings: invite, answer, minutes, tasks, handover
    #[command(subcommand)]
    Meeting(matters::Meeting),
    /// Duty reports, and who is late with one
    #[command(subcommand)]
    Report(matters::Report),
    /// Duty rosters: who is on duty when, here and at the neighbours
    #[command(subcommand)]
    Roster(roster::Roster),
    /// What is open now, for whoever takes the desk over
    Handover,
    /// What is owed by when, and how it was kept
    #[command(subcommand)]
    Deadlines(deadlines::Deadlines),
    /// What a person should do
    #[command(subcommand)]
    Tasks(tasks::Tasks),
    /// Record a telephone call about a message: it stands for an acknowledgement
    Call(tasks::Call),
    /// What the agent does by itself: rules, checked, tried and watched
    #[command(subcommand)]
    Rules(rules::Rules),
    /// The shared agenda of a joint meeting
    #[command(subcommand)]
    Agenda(agenda::Agenda),
    /// Resource catalogues: find, import, publish, verify
    #[command(subcommand)]
    Catalogue(catalogue::Catalogue),
    /// Agreements between members: propose, sign, see what they allow
    #[command(subcommand)]
    Agreements(agreements::Agreements),
    /// Invitations for calendar programs, and the answers that they write
    #[command(subcommand)]
    Calendar(calendar::Calendar),
    /// Attachments
    #[command(subcommand)]
    Blob(blob::Blob),
    /// Messages and receipts on a stick, where no link reaches
    #[command(subcommand)]
    Bundle(bundle::Bundle),
    /// Evidence: who told whom what and when, proved to anybody
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Copies of a state directory: made while its program runs, and read back
    #[command(subcommand)]
    Backup(state::Backup),
    /// Make a state directory of a copy
    Restore {
        /// The copy
        #[arg(value_name = "COPY")]
        copy: PathBuf,
        /// The state directory to make: a new or empty folder
        #[arg(value_name = "STATE")]
        state: PathBuf,
    },
    /// The rows that are folded from the journal
    #[command(subcommand)]
    Store(state::Store),
    /// The journal of a broker or agent: looked through, and saved from damage
    #[command(subcommand)]
    Journal(state::Journal),
    /// What a program set aside because it was damaged
    #[command(subcommand)]
    Quarantine(state::Quarantine),
    /// Mailboxes and dead letters at the broker, for operators
    #[command(subcommand)]
    Mailbox(mailbox::Mailbox),
    /// The link to the broker
    #[command(subcommand)]
    Link(link::Link),
    /// Configuration files
    #[command(subcommand)]
    Config(config::Config),
    /// Accounts of the duty desk in a browser
    #[command(subcommand)]
    Console(console::Console),
    /// What an error code means, and what to do about it
    Errors(errors::Errors),
    /// Kinds of message, and the fields of one
    Kinds(kinds::Kinds),
    /// Three neighbouring cities on this machine: a tanker on the border, a cut line, a killed broker
    Demo(demo::Demo),
    /// How fast a broker is, beside what disk and wire can do at all
    Bench(bench::Bench),
    /// Keys, certificates and the signed files of a region
    #[command(subcommand)]
    Certs(certs::Certs),
    /// Join a region by an invitation, or take its signed files from a trust bundle
    Join(join::Join),
    /// What the program was built from: a bill of materials (CycloneDX)
    Sbom,
    /// Completions for a shell
    Completions {
        /// Which shell
        #[arg(value_name = "SHELL")]
        shell: clap_complete::Shell,
    },
}

/// Reads the arguments and does what they say.
pub async fn main(lang: Lang) -> ExitCode {
    if std::env::args().any(|arg| arg == "--no-color") {
        anstream::ColorChoice::Never.write_global();
    }
    let matches = match help::translated(Cli::command(), lang).try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return usage::explain(&error, lang),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return usage::explain(&error, lang),
    };
    let talk = if cli.quiet { out::Talk::Quiet } else { out::Talk::Full };
    let context = out::Context { lang, format: cli.output, talk };
    match Box::pin(dispatch(cli.command, &cli.desk, context)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            out::error(&error, context);
            exit::of_error(&error)
        }
    }
}

async fn dispatch(command: Command, place: &desk::Where, context: out::Context) -> anyhow::Result<()> {
    match command {
        Command::Broker { config } => run::broker(&config, context.lang).await,
        Command::Agent { config } => run::agent(&config, context.lang).await,
        Command::Send(send) => send.run(place, context).await,
        Command::Answer(reply) => reply.run(place, context).await,
        Command::Inbox(inbox) => inbox.run(place, context).await,
        Command::Show(show) => show.run(place, context).await,
        Command::Ack(ack) => ack.run(place, context).await,
        Command::Thread(thread) => thread.run(place, context).await,
        Command::Incident(incident) => incident.run(place, context).await,
        Command::Request(step) => step.run(place, context).await,
        Command::Verify(step) => step.run(place, context).await,
        Command::Alert(step) => step.run(place, context).await,
        Command::Action(step) => step.run(place, context).await,
        Command::Consult(step) => step.run(place, context).await,
        Command::Drill(step) => step.run(place, context).await,
        Command::Meeting(step) => step.run(place, context).await,
        Command::Report(step) => step.run(place, context).await,
        Command::Roster(roster) => Box::pin(roster.run(place, context)).await,
        Command::Handover => handover::run(place, context).await,
        Command::Deadlines(deadlines) => deadlines.run(place, context).await,
        Command::Tasks(tasks) => tasks.run(place, context).await,
        Command::Call(call) => call.run(place, context).await,
        Command::Rules(rules) => rules.run(place, context).await,
        Command::Agenda(agenda) => agenda.run(place, context).await,
        Command::Catalogue(verb) => Box::pin(verb.run(place, context)).await,
        Command::Agreements(verb) => Box::pin(verb.run(place, context)).await,
        Command::Calendar(calendar) => Box::pin(calendar.run(place, context)).await,
        Command::Blob(blob) => blob.run(place, context).await,
        Command::Bundle(bundle) => bundle.run(place, context).await,
        Command::Audit(audit) => Box::pin(audit.run(place, context)).await,
        Command::Backup(verb) => verb.run(context),
        Command::Restore { copy, state } => state::restore(&copy, &state, context),
        Command::Store(verb) => verb.run(context),
        Command::Journal(verb) => verb.run(context),
        Command::Quarantine(verb) => verb.run(context),
        Command::Mailbox(mailbox) => mailbox.run(context).await,
        Command::Link(link) => link.run(place, context).await,
        Command::Config(config) => config.run(context),
        Command::Console(verb) => verb.run(context),
        Command::Errors(errors) => errors.run(context),
        Command::Kinds(kinds) => kinds.run(context),
        Command::Demo(demo) => Box::pin(demo.run(context)).await,
        Command::Bench(bench) => Box::pin(bench.run(context)).await,
        Command::Certs(verb) => verb.run(context),
        Command::Join(verb) => verb.run(context),
        Command::Sbom => sbom::run(),
        Command::Completions { shell } => {
            let mut command = help::translated(Cli::command(), context.lang);
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command, "liandong", &mut script);
            out::line(&String::from_utf8_lossy(&script))
        }
    }
}
