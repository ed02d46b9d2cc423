//! What ends soon of all that trust stands on, and what happens then: told to people before it does.

use std::time::Duration;

use model::{ids::JurisdictionId, time::Timestamp};

use crate::files::Trusted;

const DAY: Duration = Duration::from_hours(24);
/// A leaf is renewed two weeks before its end: whoever has only this left was not renewed.
const LEAF: Duration = Duration::from_hours(7 * 24);
/// An authority is replaced at half of its two years; this is late.
const AUTHORITY: Duration = Duration::from_hours(90 * 24);
/// Half of a list's life: it is written anew daily.
const LIST: Duration = Duration::from_hours(15 * 24);
/// Directory and grants are published weekly, for thirty days.
const FILES: Duration = Duration::from_hours(14 * 24);

/// What ends.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum What {
    /// The own certificate.
    Leaf,
    /// An authority; the broker's under its own id.
    Authority(JurisdictionId),
    /// An authority's revocation list.
    List(JurisdictionId),
    /// The directory.
    Directory,
    /// The grants.
    Grants,
}

/// Something that ends soon, or has ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ending {
    /// What.
    pub what: What,
    /// When.
    pub at: Timestamp,
}

/// All of it, the nearest end first. `leaf` is the last second of the own certificate.
pub fn endings(trusted: &Trusted, leaf: Option<i64>, now: Timestamp) -> Vec<Ending> {
    let second = |second: i64| Timestamp::from_millis(second.saturating_mul(1_000));
    let authorities = trusted.bound().map(|(id, bound)| (What::Authority(id), second(bound.not_after), AUTHORITY));
    let lists = &trusted.revocations.lists;
    let lists = lists.iter().map(|(id, list)| (What::List(id.clone()), second(list.expires), LIST));
    let files = [(What::Directory, trusted.directory_expires, FILES), (What::Grants, trusted.policy.expires, FILES)];
    let all = leaf.map(|end| (What::Leaf, second(end), LEAF)).into_iter().chain(authorities).chain(lists).chain(files);
    let soon = all.filter(|(_, at, ahead)| now.plus(*ahead) >= *at);
    let mut endings: Vec<_> = soon.map(|(what, at, _)| Ending { what, at }).collect();
    endings.sort_by(|one, two| (one.at, &one.what).cmp(&(two.at, &two.what)));
    endings
}

impl Ending {
    /// Whether it has ended.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now > self.at
    }

    /// What ends and when, what happens then, and what to do: in Chinese and in English.
    pub fn texts(&self, now: Timestamp) -> (String, String) {
        let days = self.at.since(now).as_secs() / DAY.as_secs();
        let (when_zh, when_en) = if self.is_over(now) {
            ("已到期".to_owned(), "has ended".to_owned())
        } else {
            (format!("还有 {days} 天到期"), format!("ends in {days} days"))
        };
        let (zh, en) = self.subject();
        let (then_zh, then_en) = self.consequence();
        (format!("{zh}{when_zh}：{then_zh}"), format!("{en} {when_en}: {then_en}"))
    }

    fn subject(&self) -> (String, String) {
        match &self.what {
            What::Leaf => ("本机证书".to_owned(), "the own certificate".to_owned()),
            What::Authority(id) => (format!("{id} 的签发机构"), format!("the authority of {id}")),
            What::List(id) => (format!("{id} 的吊销列表"), format!("the revocation list of {id}")),
            What::Directory => ("名录".to_owned(), "the directory".to_owned()),
            What::Grants => ("授权文件".to_owned(), "the grants".to_owned()),
        }
    }

    const fn consequence(&self) -> (&'static str, &'static str) {
        match self.what {
            What::Leaf => (
                "到期后不能建立链路。代理会自行续签，中心请运行 `liandong certs renew`；未续上的，请看日志。",
                "after it there is no link. An agent renews it by itself, for the broker run `liandong certs renew`; if it was not renewed, the log says why.",
            ),
            What::Authority(_) => (
                "到期后其证书一律不再接受。请该单位运行 `liandong certs request --new-ca`，交秘书处接纳。",
                "after it none of its certificates is taken. Have that jurisdiction run `liandong certs request --new-ca` and hand the request to the secretariat.",
            ),
            What::List(_) => (
                "到期后该单位不能建立新链路，现有链路不受影响。其代理每日续写，经链路传来；长期无链路的，用 `liandong certs publish --list` 带来。",
                "after it that jurisdiction gets no new link; living ones go on. Its agent writes one daily, which comes over the link; without a link for weeks, bring it with `liandong certs publish --list`.",
            ),
            What::Directory => (
                "到期后照常收发，回执注明信任已陈旧。请秘书处由两名签署人运行 `liandong certs publish --refresh`。",
                "after it everything still flows and receipts say that trust is stale. Have two signers at the secretariat run `liandong certs publish --refresh`.",
            ),
            What::Grants => (
                "到期后继续适用。请秘书处由两名签署人运行 `liandong certs publish --refresh`。",
                "after it they go on to apply. Have two signers at the secretariat run `liandong certs publish --refresh`.",
            ),
        }
    }
}
