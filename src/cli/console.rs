//! Accounts of the duty desk in a browser. They lie in the agent's state directory, and the agent reads them at each signing
//! in: nothing needs to be started again.

use std::{
    io::{self, BufRead as _, IsTerminal as _},
    path::{Path, PathBuf},
};

use agent::console::{
    accounts::{self, Account, Accounts, NewAccount},
    post::Post,
};
use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::clock;

use super::{
    config::{self, Program},
    exit::{Exists, NotFound},
    out::Context,
};

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub enum Console {
    /// Make an account; the password is asked for, or read from standard input
    Add {
        /// What the person types: 2 to 32 of a-z, 0-9, dot, hyphen and underscore
        #[arg(value_name = "NAME")]
        name: String,
        /// The person's full name, as it stands in receipts
        #[arg(long, value_name = "PERSON")]
        person: String,
        /// A post of the person, for example DUTY_OFFICER; may be given several times
        #[arg(long = "post", value_name = "POST", required = true, value_parser = post)]
        posts: Vec<Post>,
        #[command(flatten)]
        of: Whose,
    },
    /// List accounts
    Ls {
        #[command(flatten)]
        of: Whose,
    },
    /// Close an account; who is signed in stays so until the session ends
    Lock(One),
    /// Open a closed account, and let in again whoever failed too often
    Unlock(One),
    /// Give an account another password
    Password(One),
    /// Give an account another second factor, and show its secret
    Totp(One),
}

/// Whose accounts.
#[derive(Args, Debug)]
pub struct Whose {
    /// The agent's configuration file
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
}

/// One account.
#[derive(Args, Debug)]
pub struct One {
    /// The account
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    of: Whose,
}

fn post(text: &str) -> Result<Post, String> {
    let known = Post::ALL.map(Post::name).join(", ");
    text.parse().map_err(|_| known)
}

impl Console {
    /// Does it.
    pub fn run(self, context: Context) -> anyhow::Result<()> {
        match self {
            Self::Add { name, person, posts, of } => add(&name, &person, &posts, &of, context),
            Self::Ls { of } => list(&of.accounts(context)?, context),
            Self::Lock(one) => one.change(context, |account| account.locked = true),
            Self::Unlock(one) => {
                let now = clock::system().now().millis();
                one.change(context, |account| (account.locked, account.unlocked_at) = (false, now))
            }
            Self::Password(one) => {
                one.found(context)?;
                let hashed = accounts::hashed(&password(context)?)?;
                one.change(context, |account| account.password = hashed)
            }
            Self::Totp(one) => {
                let fresh = accounts::new_secret()?;
                one.change(context, |account| {
                    (account.totp, account.totp_used) = (fresh, 0);
                    secret(account, context);
                })
            }
        }
    }
}

impl Whose {
    fn accounts(&self, context: Context) -> anyhow::Result<Accounts> {
        let config: agent::config::Config = config::read(Program::Agent, &self.config, context.lang)?;
        Ok(Accounts::of(&config.state))
    }

    fn file(&self) -> &Path {
        &self.config
    }
}

impl One {
    fn found(&self, context: Context) -> anyhow::Result<()> {
        let known = self.of.accounts(context)?.find(&self.name).context(file_word(context))?;
        known.map(drop).ok_or_else(|| self.not_found(context))
    }

    fn not_found(&self, context: Context) -> anyhow::Error {
        let (zh, en) = (format!("没有账户 {}", self.name), format!("there is no account {}", self.name));
        NotFound(context.say(&zh, &en).to_owned()).into()
    }

    fn change(self, context: Context, change: impl FnOnce(&mut Account)) -> anyhow::Result<()> {
        let accounts = self.of.accounts(context)?;
        let changed = accounts.change(&self.name, change).context(file_word(context))?;
        changed.ok_or_else(|| self.not_found(context))?;
        list(&accounts, context)
    }
}

const fn file_word(context: Context) -> &'static str {
    context.say("账户文件", "the file of accounts")
}

fn add(name: &str, person: &str, posts: &[Post], of: &Whose, context: Context) -> anyhow::Result<()> {
    let accounts = of.accounts(context)?;
    let taken = || {
        let (zh, en) = (format!("已有账户 {name}"), format!("there is an account {name} already"));
        Exists(context.say(&zh, &en).to_owned())
    };
    if accounts.find(name).context(file_word(context))?.is_some() {
        return Err(taken().into());
    }
    let password = password(context)?;
    let account = NewAccount { name, person, posts, password: &password }.made()?;
    if !accounts.add(account.clone()).context(file_word(context))? {
        return Err(taken().into());
    }
    if !account.totp.is_empty() {
        secret(&account, context);
    }
    list(&accounts, context)?;
    let command = format!("liandong agent --config {}", of.file().display());
    context.next(&command, "启动代理，在浏览器中登录", "start the agent, then sign in with a browser");
    Ok(())
}

/// Asked for twice on a terminal; else one line of standard input.
fn password(context: Context) -> anyhow::Result<String> {
    if !io::stdin().is_terminal() {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    let first =
        rpassword::prompt_password(context.say("密码（10 至 200 个字符）：", "Password (10 to 200 characters): "))?;
    let second = rpassword::prompt_password(context.say("再输入一次：", "Once more: "))?;
    if first == second {
        Ok(first)
    } else {
        let text = context.say("两次输入不同，没有改动", "the two differ; nothing was changed");
        Err(super::exit::BadInput(text.to_owned()).into())
    }
}

/// The secret is shown once, to whoever holds the authenticator.
fn secret(account: &Account, context: Context) {
    let uri = format!("otpauth://totp/Liandong:{}?secret={}&issuer=Liandong", account.name, account.totp);
    context.tell(
        &format!("动态码密钥（录入验证器，只显示这一次）：{}\n{uri}", account.totp),
        &format!("second factor, for an authenticator, shown this once: {}\n{uri}", account.totp),
    );
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    person: String,
    posts: Vec<String>,
    second_factor: bool,
    locked: bool,
}

fn list(accounts: &Accounts, context: Context) -> anyhow::Result<()> {
    let all = accounts.all().context(file_word(context))?;
    let row = |account: Account| Row {
        second_factor: !account.totp.is_empty(),
        name: account.name,
        person: account.person,
        posts: account.posts,
        locked: account.locked,
    };
    let rows: Vec<Row> = all.into_iter().map(row).collect();
    let header =
        [("账户", "account"), ("姓名", "person"), ("岗位", "posts"), ("动态码", "second factor"), ("状态", "state")];
    let yes = |is: bool| if is { context.say("有", "yes") } else { context.say("无", "no") };
    context.rows(&rows, &header, |row| {
        let state = if row.locked { context.say("已关闭", "locked") } else { context.say("可用", "open") };
        let second = yes(row.second_factor).to_owned();
        vec![row.name.clone(), row.person.clone(), row.posts.join(" "), second, state.to_owned()]
    })
}
