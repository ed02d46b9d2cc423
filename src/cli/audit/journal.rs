//! A whole journal, living or stopped: every record, the tree over them, and the heads that were signed of it.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context as _;
use certs::files::{self, Trusted};
use journal::inspect::{self, Flaw, FlawKind, Inspection, Roots};
use model::{ids::JurisdictionId, position::Position};
use prost::Message as _;
use proto::{
    border::head,
    record::{HeadSigned, kind},
};
use serde::Serialize;

use crate::cli::{
    exit::{self, Said},
    out::{self, Context},
};

/// What is said of heads that the journal holds.
#[derive(Default)]
struct Heads {
    /// Heads that are of the tree as it is here.
    good: u64,
    /// The newest good one.
    newest: u64,
    /// The first head that is of another tree: its record, and the size it names.
    other: Option<(Position, u64)>,
    /// The first head whose seal does not hold, or that is not its owner's.
    unsealed: Option<Position>,
    /// Whose heads there are, with the first of each.
    owners: BTreeMap<JurisdictionId, Position>,
}

#[derive(Serialize)]
struct Shown {
    owner: String,
    holds: bool,
    records: u64,
    segments: u32,
    retired: u64,
    root: String,
    heads: u64,
    heads_checked: bool,
    newest_head: u64,
    torn_end: bool,
    faults: Vec<Wrong>,
}

#[derive(Serialize)]
struct Wrong {
    sort: &'static str,
    segment: Option<String>,
    byte: Option<u64>,
    first: u64,
    last: u64,
    text: String,
}

/// Looks through the journal in a state directory. Faults end with 74.
pub fn verify(state: &Path, trust: Option<&Path>, context: Context) -> anyhow::Result<()> {
    let trusted = trust.map(|folder| files::load(folder).with_context(|| folder.display().to_string())).transpose()?;
    let folder = if state.join("journal").is_dir() { state.join("journal") } else { state.to_owned() };
    let mut heads = Heads::default();
    let found = inspect::inspect(&folder, |position, record, roots| {
        if record.kind == kind::HEAD_SIGNED {
            heads.look(position, &record.bytes, roots, trusted.as_ref());
        }
    });
    let found = found.with_context(|| folder.display().to_string())?;
    let owner = found.owner.split_once('/').map_or("broker", |(_, jurisdiction)| jurisdiction);
    if let Some(at) = heads.owners.iter().find_map(|(of, at)| (of.as_str() != owner).then_some(*at)) {
        heads.unsealed = Some(heads.unsealed.map_or(at, |before| before.min(at)));
    }
    let faults = faults(&found, &heads, context);
    let shown = Shown {
        owner: found.owner.clone(),
        holds: faults.is_empty(),
        records: found.records,
        segments: found.segments,
        retired: found.retired.0,
        root: certs::signed::hex(&found.root),
        heads: heads.good,
        heads_checked: trusted.is_some(),
        newest_head: heads.newest,
        torn_end: found.torn,
        faults,
    };
    context.value(&shown, |shown| shown.text(context))?;
    shown.conclude(context);
    if shown.holds { Ok(()) } else { Err(Said(exit::DAMAGE).into()) }
}

impl Heads {
    fn look(&mut self, at: Position, bytes: &bytes::Bytes, roots: &Roots, trusted: Option<&Trusted>) {
        let signed = HeadSigned::decode(bytes.clone()).ok().and_then(|record| record.head);
        let Some(sealed) = signed.and_then(|wire| head::parse(wire).ok()) else {
            self.unsealed.get_or_insert(at);
            return;
        };
        self.owners.entry(sealed.head.owner.clone()).or_insert(at);
        let seal_holds = sealed.signer == sealed.head.owner
            && trusted.is_none_or(|trusted| {
                let key = trusted.evidence_key(sealed.seal.key_id, &sealed.signer, sealed.head.at);
                key.is_ok_and(|key| sealed.verify(&trusted.region, &key).is_ok())
            });
        if !seal_holds {
            self.unsealed.get_or_insert(at);
        } else if roots.has_left(sealed.head.size) {
            // it was signed over records that have left since: it is counted as neither
        } else if roots.at(sealed.head.size) == Some(sealed.head.root) {
            self.good += 1;
            self.newest = sealed.head.size;
        } else {
            self.other.get_or_insert((at, sealed.head.size));
        }
    }
}

fn faults(found: &Inspection, heads: &Heads, context: Context) -> Vec<Wrong> {
    let mut faults: Vec<Wrong> = found.flaws.iter().map(|flaw| wrong(flaw, context)).collect();
    // over records that are known to be gone the heads say nothing new
    if let Some((at, size)) = heads.other.filter(|_| faults.is_empty()) {
        let (first, last) = (heads.newest + 1, size);
        let zh = format!("第 {at} 号记录中签署的树头与现有记录不符：第 {first} 至 {last} 号记录中有改动");
        let en = format!(
            "the head signed in record {at} is not of the records that are here: among {first} to {last} some were changed"
        );
        faults.push(Wrong {
            sort: "OTHER_HEAD",
            segment: None,
            byte: None,
            first,
            last,
            text: context.say(&zh, &en).to_owned(),
        });
    }
    if let Some(at) = heads.unsealed {
        let zh = format!("第 {at} 号记录中的树头签名不成立");
        let en = format!("the seal of the head in record {at} does not hold");
        let text = context.say(&zh, &en).to_owned();
        faults.push(Wrong { sort: "BAD_SEAL", segment: None, byte: None, first: at.0, last: at.0, text });
    }
    faults
}

fn wrong(flaw: &Flaw, context: Context) -> Wrong {
    let (sort, zh, en) = match flaw.kind {
        FlawKind::SegmentMissing => ("SEGMENT_MISSING", "缺少一个日志段文件", "a segment file is missing"),
        FlawKind::Header => (
            "HEADER",
            "日志段的头部无法读取，或属于另一段",
            "the segment's header cannot be read, or is another segment's",
        ),
        FlawKind::Unreadable => (
            "UNREADABLE",
            "记录无法读取：内容被改动、移动或损坏",
            "records cannot be read: their bytes were changed, moved or damaged",
        ),
        FlawKind::Missing => ("MISSING", "记录缺失，已被删去", "records are missing: they were taken out"),
        FlawKind::OtherRecords => (
            "OTHER_RECORDS",
            "记录与审计树不符，其中有改动",
            "the records are not those of the tree: some were changed",
        ),
        FlawKind::OtherLeaf => (
            "OTHER_LEAF",
            "记录与写入时的摘要不符，已被改动",
            "the record is not the one whose hash was taken: it was changed",
        ),
        FlawKind::EndsEarly => (
            "ENDS_EARLY",
            "日志在已落盘的最后一条记录之前中断，末尾被截去",
            "the journal ends before the last record that was synced: its end was cut off",
        ),
    };
    Wrong {
        sort,
        segment: flaw.segment.map(|number| format!("{number:010}.seg")),
        byte: flaw.at,
        first: flaw.first.0,
        last: flaw.last.0,
        text: context.say(zh, en).to_owned(),
    }
}

impl Shown {
    fn text(&self, context: Context) -> String {
        let fact = |zh, en, value: String| (context.say(zh, en).to_owned(), value);
        let mut lines = out::facts([
            fact("日志属于", "journal of", self.owner.clone()),
            fact("记录", "records", self.records.to_string()),
            fact("日志段", "segments", self.segments.to_string()),
            fact("已按期清除至", "left on purpose up to", self.retired.to_string()),
            fact("树根", "root", self.root.clone()),
            fact("树头", "heads", format!("{} (≤ {})", self.heads, self.newest_head)),
        ]);
        for fault in &self.faults {
            lines.push_str("\n\n");
            lines.push_str(&fault.line(context));
        }
        lines
    }

    fn conclude(&self, context: Context) {
        if !self.holds {
            return context.tell(
                "结论：日志不是原样。先复制整个状态目录作为证据，不要启动或修复；再与相邻单位保存的树头核对（liandong audit heads）。",
                "Verdict: the journal is not as it was written. Copy the whole state directory before anything else, start and mend nothing, and compare with the heads that neighbours keep (liandong audit heads).",
            );
        }
        context.tell("结论：日志完整，与审计树一致。", "Verdict: the journal is whole and is that of its tree.");
        if self.torn_end {
            context.tell(
                "末尾有未写完的内容，从未对任何人承诺过：断电或正在写入所致。",
                "Behind its end lies a write that was cut short and promised to nobody: a power cut, or one under way.",
            );
        }
        if !self.heads_checked {
            context.tell(
                "未核验树头签名：用 --trust 指定信任目录。",
                "The seals of its heads were not checked: name the trust directory with --trust.",
            );
        }
    }
}

impl Wrong {
    fn line(&self, context: Context) -> String {
        let range = if self.first == self.last {
            context.say(&format!("第 {} 号记录", self.first), &format!("record {}", self.first)).to_owned()
        } else {
            let (first, last) = (self.first, self.last);
            context.say(&format!("第 {first} 至 {last} 号记录"), &format!("records {first} to {last}")).to_owned()
        };
        let place = [
            self.segment.clone(),
            self.byte.map(|byte| context.say(&format!("第 {byte} 字节"), &format!("byte {byte}")).to_owned()),
        ];
        let place: Vec<String> = place.into_iter().flatten().collect();
        let place = if place.is_empty() { String::new() } else { format!(" ({})", place.join(", ")) };
        format!("✕ {} {range}{place}: {}", self.sort, self.text)
    }
}
