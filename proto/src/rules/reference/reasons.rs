//! The page of reasons, from the model's table.

use model::reason::{Reason, Text};

use super::table;
use crate::{status, status::Lang};

/// Every reason with what it means, who holds the message, and what to do.
pub fn page(lang: Lang) -> String {
    let pick = |text: Text| if lang == Lang::Zh { text.zh } else { text.en };
    let (title, columns) = match lang {
        Lang::Zh => ("拒收原因", ["代码", "gRPC", "可原样重发", "含义", "消息在谁手中", "怎么办"]),
        Lang::En => ("Reasons", ["code", "gRPC", "again", "what", "who holds it", "what to do"]),
    };
    let mut rows = table(&columns);
    for reason in Reason::ALL {
        let texts = reason.texts();
        let again = match (reason.may_repeat(), lang) {
            (true, Lang::Zh) => "可",
            (false, Lang::Zh) => "不可",
            (true, Lang::En) => "yes",
            (false, Lang::En) => "no",
        };
        let grpc = format!("{:?}", status::code(*reason));
        rows.row([
            format!("`{}`", reason.code()).as_str(),
            &grpc,
            again,
            pick(texts.what),
            pick(texts.holder),
            pick(texts.remedy),
        ]);
    }
    format!("# {title}\n\n{}", rows.markdown())
}
