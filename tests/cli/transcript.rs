//! The transcript in the docs: what three desks typed and read while a request went through its whole life, as a run of the
//! handbook printed it. Names that differ with every run stand in it as numbers.

use std::{collections::BTreeMap, fs};

/// How wide a typed line may be before it is broken.
const WIDTH: usize = 140;

/// What stands around the typed lines: file, title and introduction.
pub struct Page {
    pub path: &'static str,
    pub head: &'static str,
}

/// The transcript of the Chinese handbook.
pub const ZH: Page = Page {
    path: "docs/transcript.zh-CN.md",
    head: "# 一项请求的始末\n\n三市值班台（371300 临沂、320300 徐州、320700 连云港）在命令行上办完一项资源请求：部分响应、采用、承诺、出发到达、延期、归建、返回、\
           结算。内容出自[值班员手册](handbook.zh-CN.md)“资源”一章的实际运行，由测试比对；编号每次不同，这里写作 `id-1`、`id-2`……，列表和提示里的短编号写作 \
           `short-01`。签收未列出。\n",
};

/// That of the English one.
pub const EN: Page = Page {
    path: "docs/transcript.md",
    head: "# A request through its whole life\n\nThree desks (371300 Linyi, 320300 Xuzhou, 320700 Lianyungang) carry out a request for resources on the command line: partial \
           offers, order, commitment,\ndeparture and arrival, extension, release, return, settlement. Printed by a run of the chapter on resources of the \
           [handbook](handbook.md); the tests compare its commands with those of the Chinese page, and every line of that. Ids\ndiffer with every run: they stand here as `id-1`, `id-2` and so on, and the short ids of tables and \
           hints as `short-01`. Acknowledgements are left out.\n",
};

impl Page {
    /// The page that a run's lines make.
    pub fn of(&self, lines: &str) -> String {
        let mut names = Names { ids: BTreeMap::new(), missions: Vec::new() };
        let typed = |line: &str| line.contains("$ liandong\t");
        let print = |line: &str| if typed(line) { broken(line) } else { line.trim_end().to_owned() };
        let text: Vec<String> = lines.lines().map(print).map(|line| names.named(&line)).collect();
        format!("{}\n```text\n{}\n```\n", self.head, text.join("\n"))
    }

    /// The page as it stands.
    pub fn read(&self) -> String {
        fs::read_to_string(self.path).unwrap_or_default()
    }

    /// Writes it anew.
    pub fn write(&self, lines: &str) {
        fs::write(self.path, self.of(lines)).unwrap();
    }
}

/// A typed line whose words are told apart by tabs, as a person would type it.
fn broken(line: &str) -> String {
    let quoted = |word: &str| {
        let (name, value) = word.split_once('=').unwrap_or(("", word));
        let is_plain = |c: char| c.is_alphanumeric() || "-_./,:>[]".contains(c);
        let value = if value.chars().all(is_plain) { value.to_owned() } else { format!("\"{value}\"") };
        if name.is_empty() { value } else { format!("{name}={value}") }
    };
    let mut lines = vec![String::new()];
    // a flag and its value stay together
    let line = line.replace("--set\t", "--set\u{1}");
    for (at, word) in line.split('\t').enumerate() {
        let word = match word.split_once('\u{1}') {
            Some((flag, value)) => format!("{flag} {}", quoted(value)),
            None if at == 0 => word.to_owned(),
            None => quoted(word),
        };
        let last = lines.last_mut().unwrap();
        if at > 0 && last.chars().count() + word.chars().count() > WIDTH {
            last.push_str(" \\");
            lines.push(format!("    {word}"));
        } else {
            last.push_str(if at == 0 { "" } else { " " });
            last.push_str(&word);
        }
    }
    lines.join("\n")
}

/// What was called how.
struct Names {
    /// The end of each id, with its number.
    ids: BTreeMap<String, usize>,
    missions: Vec<String>,
}

impl Names {
    /// A text in which everything that differs with each run has a number instead.
    fn named(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut word = String::new();
        for c in text.chars().chain([' ']) {
            if c.is_ascii_alphanumeric() || c == '-' {
                word.push(c);
            } else {
                out.push_str(&self.word(&std::mem::take(&mut word)));
                out.push(c);
            }
        }
        out.trim_end().to_owned()
    }

    fn word(&mut self, word: &str) -> String {
        let hex = |part: &str| part.chars().all(|c| c.is_ascii_hexdigit());
        let parts: Vec<&str> = word.split('-').collect();
        match parts.as_slice() {
            [.., end] if parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && hex(end) => {
                let next = self.ids.len() + 1;
                let number = *self.ids.entry(end[4..].to_owned()).or_insert(next);
                format!("id-{number}")
            }
            [short] if short.len() == 8 && self.ids.contains_key(*short) => {
                format!("short-{:02}", self.ids[*short]) // as wide as what it stands for: tables stay in line
            }
            [place, day, "M", mission] if day.len() == 8 && hex(mission) => {
                if !self.missions.iter().any(|known| known == mission) {
                    self.missions.push((*mission).to_owned());
                }
                let number = self.missions.iter().position(|known| known == mission).unwrap() + 1;
                format!("{place}-20270512-M-{number:06}")
            }
            [place, day, number] if place.len() == 6 && day.len() == 8 && number.len() == 4 && hex(day) => {
                format!("{place}-20270512-{number}")
            }
            _ => word.to_owned(),
        }
    }
}
