//! The printed reference: an index, the table of kinds, the header, one page a family, the reasons. Made from the
//! contract and the model's tables alone, so that it cannot say anything else than the program does.

mod kind;
mod reasons;
pub mod released;
mod table;

use std::collections::BTreeMap;

use model::kind::{Family, Kind};

use self::table::Table;
use super::schema::Schema;
use crate::status::Lang;

/// The families in the order of the pages, with the names of their files.
const FAMILIES: [(Family, &str); 6] = [
    (Family::A1, "information.md"),
    (Family::A2, "resource.md"),
    (Family::A3, "action.md"),
    (Family::A4, "drill.md"),
    (Family::A5, "meeting.md"),
    (Family::A0, "system.md"),
];

/// Every page by its file name.
pub fn pages(schema: &Schema, lang: Lang) -> BTreeMap<String, String> {
    let printer = Printer { schema, lang };
    let mut pages: BTreeMap<String, String> =
        FAMILIES.iter().map(|(family, file)| ((*file).to_owned(), printer.family(*family))).collect();
    pages.insert("README.md".to_owned(), printer.index());
    pages.insert("kinds.md".to_owned(), printer.kinds());
    pages.insert("header.md".to_owned(), printer.header());
    pages.insert("reasons.md".to_owned(), reasons::page(lang));
    pages
}

struct Printer<'a> {
    schema: &'a Schema,
    lang: Lang,
}

impl Printer<'_> {
    fn say<'b>(&self, zh: &'b str, en: &'b str) -> &'b str {
        match self.lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    fn index(&self) -> String {
        let title = self.say("消息参考", "Message reference");
        let intro = self.say(
            "本目录由契约（`proto/liandong/v1/*.proto`）生成，请勿手工修改；更新：`UPDATE_REFERENCE=1 cargo test -p proto reference`。",
            "Made from the contract (`proto/liandong/v1/*.proto`); not to be edited by hand. To update: `UPDATE_REFERENCE=1 cargo test -p proto reference`.",
        );
        let mut text = format!("# {title}\n\n{intro}\n\n");
        let entry = |file: &str, name: &str| format!("- [{name}]({file})\n");
        text.push_str(&entry("kinds.md", self.say("消息种类一览", "Kinds at a glance")));
        text.push_str(&entry("header.md", self.say("消息头", "The header")));
        for (family, file) in FAMILIES {
            text.push_str(&entry(file, &self.family_name(family)));
        }
        text.push_str(&entry("reasons.md", self.say("拒收原因", "Reasons")));
        text
    }

    fn family_name(&self, family: Family) -> String {
        let en = match family {
            Family::A1 => "Information sharing",
            Family::A2 => "Resource sharing",
            Family::A3 => "Coordinated action",
            Family::A4 => "Joint drills",
            Family::A5 => "Joint meetings",
            Family::A0 => "Duty and system",
        };
        format!("{} {}", family.name(), self.say(family.zh(), en))
    }

    fn kinds(&self) -> String {
        let title = self.say("消息种类一览", "Kinds at a glance");
        let note = self.say(
            "“事件”“协议”：必填、可填或不填。“签发”：总是、Ⅰ–Ⅲ 级（红、橙、黄）或无需。“回执”为要求的最低阶段；特提、特急一律须签收（A0 除外）。",
            "Incident and agreement: required, optional or never. Sign-off: always, at L1–L3 (RED–YELLOW), or never. Stage is the floor of the receipt; FLASH and IMMEDIATE must always be acknowledged (but for A0).",
        );
        format!("# {title}\n\n{note}\n\n{}", kind::glance(self).markdown())
    }

    fn header(&self) -> String {
        let Some(header) = self.schema.named("Header") else { return String::new() };
        let title = self.say("消息头", "The header");
        let fields = kind::fields(self, &super::info::header_fields(self.schema), header);
        format!("# {title}\n\n{}\n\n{fields}", header.help.text(self.lang))
    }

    fn family(&self, family: Family) -> String {
        let mut text = format!("# {}\n", self.family_name(family));
        for kind in Kind::ALL.iter().filter(|kind| kind.family() == family) {
            if let Some(section) = kind::section(self, *kind) {
                text.push('\n');
                text.push_str(&section);
            }
        }
        text
    }
}

/// A table of these columns.
fn table(columns: &[&str]) -> Table {
    Table::new(columns)
}
