//! State directories: copied, put back, looked through and mended. Needs no program that runs, and disturbs none that does.

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;
use store::backup::{self, BackupError, Difference, Manifest};

use super::{
    audit,
    exit::{BadInput, Exists, NotFound, Said},
    out::{self, Context, cell},
    words,
};
use crate::clock;

/// Copies of a state directory.
#[derive(Debug, Subcommand)]
pub enum Backup {
    /// Copy the state of a broker or agent, also while it runs, and read the copy back
    New {
        /// The state directory, as `state` in the configuration names it
        #[arg(value_name = "STATE")]
        state: PathBuf,
        /// The new folder to make
        #[arg(value_name = "COPY")]
        to: PathBuf,
    },
    /// Read a whole copy: every byte, every record, and the tree over them
    Verify {
        /// The copy
        #[arg(value_name = "COPY")]
        copy: PathBuf,
    },
}

/// The rows that are folded from the journal.
#[derive(Debug, Subcommand)]
pub enum Store {
    /// Leave word that the next start folds the rows anew from the journal
    Rebuild {
        /// The state directory of a stopped program
        #[arg(value_name = "STATE")]
        state: PathBuf,
    },
}

/// The journal, which is the truth.
#[derive(Debug, Subcommand)]
pub enum Journal {
    /// Read every record and name each place that is not what was written; changes nothing
    Check {
        /// The state directory
        #[arg(value_name = "STATE")]
        state: PathBuf,
    },
    /// Make a new state directory of what can be saved of a damaged one, which stays as it is
    Salvage {
        /// The damaged state directory
        #[arg(value_name = "STATE")]
        state: PathBuf,
        /// The new folder to make
        #[arg(value_name = "NEW")]
        to: PathBuf,
    },
}

/// What a program set aside because it was damaged.
#[derive(Debug, Subcommand)]
pub enum Quarantine {
    /// List it, oldest first
    Ls {
        /// The state directory
        #[arg(value_name = "STATE")]
        state: PathBuf,
    },
}

impl Backup {
    /// Does it.
    pub fn run(self, context: Context) -> anyhow::Result<()> {
        match self {
            Self::New { state, to } => {
                let made = backup::make(&state, &to, &clock::system()).map_err(|error| explained(error, context))?;
                print(&made, context)?;
                context.tell(
                    "副本未加密，含全部消息；不含密钥（信任目录）和配置文件，须另行保存。",
                    "The copy holds every message and is not encrypted. Keys (the trust directory) and the configuration are not in it: keep them apart.",
                );
                let command = format!("liandong backup verify {}", to.display());
                context.next(&command, "搬走以后再核验一遍", "check it again where it was carried to");
                Ok(())
            }
            Self::Verify { copy } => {
                let whole = backup::verify(&copy).map_err(|error| explained(error, context))?;
                print(&whole, context)?;
                context.tell("副本完整。", "The copy is whole.");
                Ok(())
            }
        }
    }
}

/// `liandong restore`.
pub fn restore(copy: &std::path::Path, state: &std::path::Path, context: Context) -> anyhow::Result<()> {
    let whole = backup::restore(copy, state).map_err(|error| explained(error, context))?;
    print(&whole, context)?;
    context.tell(
        "已恢复。原来的程序不得再启动：同一单位只能有一个。启动后，中心与各代理会对账，副本之后发出的消息由对方补齐。",
        "Put back. The program that it was copied from must never run again: there is one of each. After the start broker and agents compare what they have, and what was sent after the copy comes back from the others.",
    );
    context.next(
        "liandong config check FILE",
        "先检查配置与信任目录，再启动",
        "check configuration and trust, then start",
    );
    Ok(())
}

impl Store {
    /// Does it.
    pub fn run(self, context: Context) -> anyhow::Result<()> {
        let Self::Rebuild { state } = self;
        backup::rebuild(&state).map_err(|error| explained(error, context))?;
        context.tell(
            "下次启动时由日志重建，旧的移入 quarantine/。",
            "The next start folds the rows anew from the journal; the old ones go to quarantine/.",
        );
        Ok(())
    }
}

#[derive(Serialize)]
struct Saved {
    end: u64,
    lost: Vec<Lost>,
    headers_repaired: Vec<u32>,
    data_loss_suspected: Option<String>,
    evidence_broken: bool,
}

#[derive(Serialize)]
struct Lost {
    first: u64,
    last: u64,
    segment: Option<u32>,
}

impl Journal {
    /// Does it. Damage ends with 74.
    pub fn run(self, context: Context) -> anyhow::Result<()> {
        match self {
            Self::Check { state } => audit::journal::verify(&state, None, context),
            Self::Salvage { state, to } => {
                let report =
                    backup::salvage(&state, &to, &clock::system()).map_err(|error| explained(error, context))?;
                let lost = report.damaged.iter();
                let saved = Saved {
                    end: report.end.0,
                    lost: lost.map(|gap| Lost { first: gap.first.0, last: gap.last.0, segment: gap.segment }).collect(),
                    headers_repaired: report.headers_repaired,
                    data_loss_suspected: report.data_loss_suspected.map(|loss| loss.to_string()),
                    evidence_broken: report.evidence_broken,
                };
                context.value(&saved, |saved| saved.text(context))?;
                if saved.lost.is_empty() && saved.data_loss_suspected.is_none() {
                    context.tell("全部记录均已保全。", "Every record was saved.");
                } else {
                    context.tell(
                        "缺失的记录由对方补齐：用新目录启动程序，中心与代理会对账。原目录请保留作证据。",
                        "Start the program on the new folder: broker and agents compare, and ask each other for what is missing. Keep the old folder as evidence.",
                    );
                }
                Ok(())
            }
        }
    }
}

impl Saved {
    fn text(&self, context: Context) -> String {
        let fact = |zh, en, value: String| (context.say(zh, en).to_owned(), value);
        let range = |gap: &Lost| {
            if gap.first == gap.last { gap.first.to_string() } else { format!("{}–{}", gap.first, gap.last) }
        };
        let none = || context.say("无", "none").to_owned();
        let lost: Vec<String> = self.lost.iter().map(range).collect();
        let mut facts = vec![
            fact("最后一条记录", "last record", self.end.to_string()),
            fact("缺失的记录", "records lost", if lost.is_empty() { none() } else { lost.join(", ") }),
        ];
        if let Some(loss) = &self.data_loss_suspected {
            facts.push(fact("疑似数据丢失", "data loss suspected", loss.clone()));
        }
        if self.evidence_broken {
            facts.push(fact(
                "审计树",
                "evidence",
                context.say("中断：此前签署的树头接不上", "broken: heads signed before do not join").to_owned(),
            ));
        }
        out::facts(facts)
    }
}

#[derive(Serialize)]
struct Aside {
    name: String,
    files: u64,
    bytes: u64,
}

impl Quarantine {
    /// Does it.
    pub fn run(self, context: Context) -> anyhow::Result<()> {
        let Self::Ls { state } = self;
        let all = backup::quarantined(&state).map_err(|error| explained(error, context))?;
        let rows: Vec<Aside> =
            all.into_iter().map(|aside| Aside { name: aside.name, files: aside.files, bytes: aside.bytes }).collect();
        context.rows(&rows, &[("名称", "name"), ("文件", "files"), ("大小", "size")], |row| {
            vec![cell(&row.name), cell(row.files), cell(words::size(row.bytes))]
        })
    }
}

#[derive(Serialize)]
struct Shown<'m> {
    owner: &'m str,
    made_at: &'m str,
    epoch: &'m str,
    end: u64,
    root: &'m str,
    files: usize,
    bytes: u64,
}

fn print(copy: &Manifest, context: Context) -> anyhow::Result<()> {
    let Manifest { owner, made_at, epoch, end, root, files, .. } = copy;
    let shown = Shown { owner, made_at, epoch, end: *end, root, files: files.len(), bytes: copy.bytes() };
    let fact = |zh, en, value: String| (context.say(zh, en).to_owned(), value);
    context.value(&shown, |shown| {
        out::facts([
            fact("状态属于", "state of", shown.owner.to_owned()),
            fact("复制时间（UTC）", "copied (UTC)", shown.made_at.to_owned()),
            fact("最后一条记录", "last record", shown.end.to_string()),
            fact("树根", "root", shown.root.to_owned()),
            fact("文件", "files", format!("{} ({})", shown.files, words::size(shown.bytes))),
        ])
    })
}

/// The error in the reader's language, with what to do about it and the exit code for it.
fn explained(error: BackupError, context: Context) -> anyhow::Error {
    let said = |zh: String, en: String| context.say(&zh, &en).to_owned();
    match &error {
        BackupError::Exists(path) => {
            let path = path.display();
            Exists(said(
                format!("{path} 已存在：请指定一个新目录"),
                format!("{path} is there already: name a new folder"),
            ))
            .into()
        }
        BackupError::NoState(path) => {
            let path = path.display();
            NotFound(said(
                format!("{path} 不是状态目录（没有日志）：请指定配置文件中 state 所指的目录"),
                format!("{path} is no state directory (it has no journal): name the one that `state` in the configuration names"),
            ))
            .into()
        }
        BackupError::InUse(path) => {
            let path = path.display();
            BadInput(said(
                format!("{path} 正在使用：请先停止程序"),
                format!("{path} is in use: stop its program first"),
            ))
            .into()
        }
        BackupError::NoBackup { folder, why } => {
            let folder = folder.display();
            NotFound(said(format!("{folder} 不是完整的副本：{why}"), format!("{folder} is no whole copy: {why}")))
                .into()
        }
        BackupError::Differs { file, difference } => {
            let (zh, en) = difference_words(*difference);
            damaged(&said(
                format!("✕ {file}：{zh}。不要用这个副本恢复。"),
                format!("✕ {file}: {en}. Do not restore from this copy."),
            ))
        }
        BackupError::Flawed(flaws) => {
            let (count, first) = (flaws.len(), flaws.first().map_or(0, |flaw| flaw.first.0));
            damaged(&said(
                format!(
                    "✕ 日志有 {count} 处损坏，第一处在第 {first} 号记录，没有复制。用 liandong journal check 查看，用 liandong journal salvage 抢救。"
                ),
                format!(
                    "✕ the journal is damaged in {count} places, first at record {first}: nothing was copied. Look with `liandong journal check`, and save what there is with `liandong journal salvage`."
                ),
            ))
        }
        BackupError::Io { .. } | BackupError::Unopened(_) => error.into(),
    }
}

fn damaged(text: &str) -> anyhow::Error {
    anstream::eprintln!("{text}");
    Said(super::exit::DAMAGE).into()
}

const fn difference_words(difference: Difference) -> (&'static str, &'static str) {
    match difference {
        Difference::Missing => ("文件缺失", "the file is missing"),
        Difference::Added => ("不属于这个副本", "the file was not part of the copy"),
        Difference::Changed => ("内容被改动", "its bytes were changed"),
        Difference::OtherEnd => ("与日志的结尾不符", "the journal ends elsewhere than it says"),
    }
}
