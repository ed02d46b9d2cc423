//! The command line: `liandong NOUN VERB`. Data goes to standard output, talk to standard error.

mod certs;
mod desk;
pub mod exit;
mod join;
pub mod out;

use std::{path::PathBuf, process::ExitCode};

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::{
    demo,
    lang::{Lang, say},
    run,
};

/// Emergency coordination between neighbouring jurisdictions.
#[derive(Debug, Parser)]
#[command(name = "liandong", version, about, max_term_width = 110)]
pub struct Cli {
    /// Output: a table for people, JSON for programs
    #[arg(short, long, global = true, value_enum, default_value_t = out::Format::Table)]
    output: out::Format,
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
    /// Three neighbouring cities on this machine: a tanker on the border, a cut line, a killed broker
    Demo(demo::Demo),
    /// Keys, certificates and the signed files of a region
    #[command(subcommand)]
    Certs(certs::Certs),
    /// Join a region by an invitation, or take its signed files from a trust bundle
    Join(join::Join),
    /// Completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Reads the arguments and does what they say.
pub async fn main(lang: Lang) -> ExitCode {
    let command = translated(Cli::command(), lang);
    let matches = match command.try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { 0 });
        }
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let context = out::Context { lang, format: cli.output };
    match dispatch(cli.command, &cli.desk, context).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            out::error(&error, lang);
            exit::of_error(&error)
        }
    }
}

async fn dispatch(command: Command, place: &desk::Where, context: out::Context) -> anyhow::Result<()> {
    match command {
        Command::Broker { config } => run::broker(&config).await,
        Command::Agent { config } => run::agent(&config).await,
        Command::Demo(demo) => demo.run(context).await,
        Command::Certs(verb) => verb.run(context),
        Command::Join(verb) => verb.run(context),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "liandong", &mut std::io::stdout());
            Ok(())
        }
    }
}

/// The first line of each command's help in the reader's language; flags are the same in both.
fn translated(command: clap::Command, lang: Lang) -> clap::Command {
    if lang == Lang::En {
        return command;
    }
    let zh = [
        ("broker", "运行中心"),
        ("agent", "运行本单位代理"),
        ("demo", "在本机演示三个相邻城市：边界事故、线路中断、中心被强杀"),
        ("certs", "密钥、证书与区域签名文件"),
        ("join", "凭邀请加入区域，或导入信任包"),
        ("completions", "命令行补全"),
    ];
    let about = say(lang, "相邻地区应急联动消息系统", "Emergency coordination between neighbouring jurisdictions");
    let verbs = |command: clap::Command, texts: &[(&'static str, &'static str)]| {
        let known = |command: &clap::Command, name: &str| command.find_subcommand(name).is_some();
        texts.iter().fold(command, |command, (name, about)| {
            let known = known(&command, name);
            if known { command.mut_subcommand(name, |sub| sub.about(*about).long_about(*about)) } else { command }
        })
    };
    verbs(command.about(about), &zh).mut_subcommand("certs", |certs| verbs(certs, &certs::VERBS_ZH))
}
