//! Who may sign in, in which posts: a small file in `local/` that is written whole. Passwords stand in it as argon2id.

use std::{
    io,
    path::{Path, PathBuf},
};

use argon2::{Algorithm, Argon2, Params, Version};
use certs::signed::hex;
use model::{invalid::Invalid, reason::Reason, time::Timestamp};
use serde::{Deserialize, Serialize};

use super::{post::Post, totp};
use crate::api::token;

/// Memory of one hash in KiB, its passes and lanes.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// Characters of a password at least and at most.
pub const PASSWORD_CHARS: (usize, usize) = (10, 200);
/// Bytes of the file at most.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// One account.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// What the person types.
    pub name: String,
    /// The person's full name, as it stands in receipts.
    pub person: String,
    /// In which posts.
    pub posts: Vec<String>,
    /// `argon2id$memory$passes$lanes$salt$hash`, bytes in hex.
    pub password: String,
    /// The secret of the second factor, base32.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub totp: String,
    /// The last step of the second factor that was used: no code is good twice.
    #[serde(default)]
    pub totp_used: i64,
    /// Closed by an administrator.
    #[serde(default)]
    pub locked: bool,
    /// When an administrator opened it last, ms since 1970: failures before that keep nobody out.
    #[serde(default)]
    pub unlocked_at: i64,
}

impl Account {
    /// Whether it may be used in this post.
    pub fn has(&self, post: Post) -> bool {
        self.posts.iter().any(|own| own == post.name())
    }

    /// Whether this is the password. Takes as long for a wrong one as for the right one.
    pub fn is_password(&self, password: &str) -> bool {
        is_password(&self.password, password)
    }

    /// The step in which this code of the second factor is good.
    pub fn step_of(&self, code: &str, now: Timestamp) -> Option<i64> {
        let secret = totp::from_base32(&self.totp).filter(|secret| !secret.is_empty())?;
        totp::step_of(&secret, code, now, self.totp_used)
    }

    /// Uses a code up, if it is good: it is not good again.
    pub fn uses(&mut self, code: &str, now: Timestamp) -> bool {
        let step = self.step_of(code, now);
        self.totp_used = step.unwrap_or(self.totp_used);
        step.is_some()
    }
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Book {
    accounts: Vec<Account>,
}

/// The file of accounts.
#[derive(Clone, Debug)]
pub struct Accounts {
    path: PathBuf,
}

impl Accounts {
    /// The accounts of a state directory.
    pub fn of(state: &Path) -> Self {
        Self { path: state.join("local").join("accounts.json") }
    }

    /// Every account; none while there is no file.
    ///
    /// # Errors
    /// The file cannot be read, or is no list of accounts.
    pub fn all(&self) -> io::Result<Vec<Account>> {
        match journal::file::read_plain(&self.path, FILE_BYTES_MAX) {
            Ok(bytes) => Ok(serde_json::from_slice::<Book>(&bytes)?.accounts),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// The account of this name.
    ///
    /// # Errors
    /// As above.
    pub fn find(&self, name: &str) -> io::Result<Option<Account>> {
        Ok(self.all()?.into_iter().find(|account| account.name == name))
    }

    /// Adds an account; false where there is one of its name. When this returns, it is durable.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn add(&self, account: Account) -> io::Result<bool> {
        self.write(|accounts| {
            let is_new = accounts.iter().all(|known| known.name != account.name);
            if is_new {
                accounts.push(account);
            }
            is_new
        })
    }

    /// Changes the account of this name, as it is now: nobody else changes any meanwhile, in this process or another. When
    /// this returns, the change is durable. None where there is no such account.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn change<T>(&self, name: &str, change: impl FnOnce(&mut Account) -> T) -> io::Result<Option<T>> {
        self.write(|accounts| accounts.iter_mut().find(|known| known.name == name).map(change))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Vec<Account>) -> T) -> io::Result<T> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        journal::file::create_dir(folder)?;
        let _turn = journal::file::wait_for_lock(folder)?;
        let mut accounts = self.all()?;
        let before = accounts.clone();
        let answer = change(&mut accounts);
        if accounts != before {
            journal::file::write_atomic(&self.path, &serde_json::to_vec_pretty(&Book { accounts })?)?;
        }
        Ok(answer)
    }
}

/// What a new account is made of.
#[derive(Clone, Debug)]
pub struct NewAccount<'a> {
    /// What the person types.
    pub name: &'a str,
    /// The full name.
    pub person: &'a str,
    /// The posts.
    pub posts: &'a [Post],
    /// The password.
    pub password: &'a str,
}

impl NewAccount<'_> {
    /// The account, checked; posts that ask for a second factor get its secret.
    ///
    /// # Errors
    /// The field that is not as it must be, and how it must be.
    pub fn made(&self) -> Result<Account, Invalid> {
        let plain = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_');
        if !(2..=32).contains(&self.name.len()) || !self.name.bytes().all(plain) {
            return Err(Invalid::schema("name", "console.account_name"));
        }
        if !(1..=100).contains(&self.person.chars().count()) || self.person.chars().any(char::is_control) {
            return Err(Invalid::schema("person", "console.person"));
        }
        let keeps_house = self.posts.iter().filter(|post| !post.acts_for_the_desk()).count();
        if self.posts.is_empty() || (keeps_house > 0 && self.posts.len() > 1) {
            return Err(Invalid::new(Reason::RoleForbidden, "post", "console.separate_persons"));
        }
        let second = self.posts.iter().any(|post| post.needs_second_factor());
        Ok(Account {
            name: self.name.to_owned(),
            person: self.person.to_owned(),
            posts: self.posts.iter().map(|post| post.name().to_owned()).collect(),
            password: hashed(self.password)?,
            totp: if second { new_secret()? } else { String::new() },
            totp_used: 0,
            locked: false,
            unlocked_at: 0,
        })
    }
}

/// A new secret of the second factor, base32.
///
/// # Errors
/// The machine gives no random bytes.
pub fn new_secret() -> Result<String, Invalid> {
    Ok(totp::base32(&random::<{ totp::SECRET_BYTES }>()?))
}

/// A password as the file keeps it.
///
/// # Errors
/// It is too short or too long.
pub fn hashed(password: &str) -> Result<String, Invalid> {
    let (least, most) = PASSWORD_CHARS;
    if !(least..=most).contains(&password.chars().count()) {
        return Err(Invalid::schema("password", "console.password"));
    }
    let salt = random::<SALT_BYTES>()?;
    let hash = hash(password, &salt, COST).ok_or_else(|| super::broken("argon2"))?;
    let (memory, passes, lanes) = COST;
    Ok(format!("argon2id${memory}${passes}${lanes}${}${}", hex(&salt), hex(&hash)))
}

/// Random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Invalid> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| super::broken(&error.to_string()))?;
    Ok(bytes)
}

fn hash(password: &str, salt: &[u8], (memory, passes, lanes): (u32, u32, u32)) -> Option<[u8; HASH_BYTES]> {
    let params = Params::new(memory, passes, lanes, Some(HASH_BYTES)).ok()?;
    let mut out = [0; HASH_BYTES];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into(password.as_bytes(), salt, &mut out).ok()?;
    Some(out)
}

/// Whether a stored text is of this password. What is no stored text costs the same time and is of none.
pub fn is_password(stored: &str, password: &str) -> bool {
    let Some((cost, salt, expected)) = parts(stored) else {
        let _same_time = hash(password, &[0; SALT_BYTES], COST);
        return false;
    };
    hash(password, &salt, cost).is_some_and(|found| token::same(&found, &expected))
}

/// Memory, passes and lanes; salt; hash.
type Parts = ((u32, u32, u32), Vec<u8>, Vec<u8>);

fn parts(stored: &str) -> Option<Parts> {
    let mut parts = stored.strip_prefix("argon2id$")?.split('$');
    let cost = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some((cost, unhex(parts.next()?)?, unhex(parts.next()?)?))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.len().checked_div(2).filter(|_| text.len().is_multiple_of(2) && text.is_ascii())?;
    (0..pairs).map(|at| u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use model::role::Role;

    use super::*;

    const OFFICER: Post = Post::Desk(Role::DutyOfficer);

    fn new(posts: &[Post]) -> Result<Account, Invalid> {
        NewAccount { name: "wanglei", person: "王磊", posts, password: "correct horse" }.made()
    }

    #[test]
    fn an_account_is_kept_and_its_password_known_again() {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::of(folder.path());
        assert!(accounts.all().unwrap().is_empty());
        assert!(accounts.add(new(&[OFFICER]).unwrap()).unwrap());
        assert!(!accounts.add(new(&[OFFICER]).unwrap()).unwrap(), "nobody takes another's name");

        let kept = accounts.find("wanglei").unwrap().unwrap();
        assert!(kept.is_password("correct horse") && !kept.is_password("correct house"));
        assert!(kept.has(OFFICER) && !kept.has(Post::Auditor));
        assert!(!std::fs::read_to_string(folder.path().join("local/accounts.json")).unwrap().contains("horse"));
        assert!(accounts.find("liming").unwrap().is_none());
    }

    #[test]
    fn of_many_who_show_one_code_at_once_one_is_let_in_and_no_other_change_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::of(folder.path());
        let leader = new(&[Post::Desk(Role::ShiftLeader)]).unwrap();
        let now = Timestamp::from_millis(1_800_000_000_000);
        let code = totp::code_at(&totp::from_base32(&leader.totp).unwrap(), now);
        accounts.add(leader).unwrap();

        let let_in: usize = std::thread::scope(|scope| {
            let shown = (0..16).map(|_| {
                scope.spawn(|| {
                    accounts.change("wanglei", |account| account.posts.push("EXPERT".into())).unwrap().unwrap();
                    usize::from(accounts.change("wanglei", |account| account.uses(&code, now)).unwrap().unwrap())
                })
            });
            shown.collect::<Vec<_>>().into_iter().map(|one| one.join().unwrap()).sum()
        });

        assert_eq!(let_in, 1);
        assert_eq!(accounts.find("wanglei").unwrap().unwrap().posts.len(), 17);
        assert_eq!(accounts.change("nobody", |_| ()).unwrap(), None);
    }

    #[test]
    fn who_keeps_the_house_has_no_post_at_the_desk() {
        let rule = |posts: &[Post]| new(posts).unwrap_err().rule;
        assert_eq!(rule(&[OFFICER, Post::SystemAdmin]), "console.separate_persons");
        assert_eq!(rule(&[Post::SecurityAdmin, Post::Auditor]), "console.separate_persons");
        assert_eq!(rule(&[]), "console.separate_persons");
        assert!(new(&[OFFICER, Post::Desk(Role::ShiftLeader)]).unwrap().totp.len() == 32);
        assert!(new(&[OFFICER]).unwrap().totp.is_empty());
    }

    #[test]
    fn names_and_passwords_have_their_bounds() {
        let with = |name, password| NewAccount { name, person: "王磊", posts: &[OFFICER], password }.made();
        for name in ["", "a", "Wang", "wang lei", "../x", "王磊"] {
            assert_eq!(with(name, "correct horse").unwrap_err().rule, "console.account_name", "{name}");
        }
        assert_eq!(with("wanglei", "short").unwrap_err().rule, "console.password");
        assert!(!is_password("", "") && !is_password("argon2id$1$1$1$zz$zz", "") && !is_password("argon2id$é", ""));
    }
}
