//! A call that was made wrongly, told in the reader's language.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{exit, help};
use crate::lang::Lang;

/// Prints help or what is wrong with the call; the exit code says which.
pub fn explain(error: &clap::Error, lang: Lang) -> ExitCode {
    let code = ExitCode::from(if error.use_stderr() { exit::USAGE } else { 0 });
    let plain = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    if lang == Lang::En || plain {
        let _ = error.print();
    } else {
        anstream::eprintln!("\u{1b}[31m用法错误：\u{1b}[0m{}", chinese(error));
    }
    code
}

fn chinese(error: &clap::Error) -> String {
    let of = |kind| error.get(kind).map(text).unwrap_or_default();
    let (argument, value) = (of(ContextKind::InvalidArg), of(ContextKind::InvalidValue));
    let what = match error.kind() {
        ErrorKind::UnknownArgument => format!("没有 {argument} 这个选项或参数"),
        ErrorKind::InvalidSubcommand => format!("没有 {} 这个命令", of(ContextKind::InvalidSubcommand)),
        ErrorKind::MissingRequiredArgument => format!("缺少 {argument}"),
        ErrorKind::MissingSubcommand => "缺少命令".to_owned(),
        ErrorKind::InvalidValue if value.is_empty() => format!("{argument} 需要一个值"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => format!("{argument} 的值 `{value}` 不对"),
        ErrorKind::ArgumentConflict => format!("{argument} 不能与 {} 同时使用", of(ContextKind::PriorArg)),
        ErrorKind::NoEquals => format!("{argument} 须写成 选项=值"),
        ErrorKind::TooManyValues | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            format!("{argument} 的值的个数不对")
        }
        _ => error.kind().to_string(),
    };
    let mut lines = vec![what];
    let valid = of(ContextKind::ValidValue);
    let valid = if valid.is_empty() { of(ContextKind::ValidSubcommand) } else { valid };
    if !valid.is_empty() {
        lines.push(format!("可用：{valid}"));
    } else if let Some(form) = std::error::Error::source(error) {
        lines.push(format!("应为：{form}"));
    }
    let near = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue].map(of);
    lines.extend(near.into_iter().find(|near| !near.is_empty()).map(|near| format!("是否指 {near}？")));
    let usage = of(ContextKind::Usage);
    if !usage.is_empty() {
        lines.push(format!("用法：{}", help::usage(&usage)));
    }
    lines.push("加 --help 看说明".to_owned());
    lines.join("\n")
}

fn text(value: &ContextValue) -> String {
    match value {
        ContextValue::String(text) => text.clone(),
        ContextValue::Strings(all) => all.join("、"),
        ContextValue::StyledStr(text) => text.to_string(),
        ContextValue::Number(number) => number.to_string(),
        ContextValue::Bool(flag) => flag.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    fn said(line: &str) -> String {
        let command = help::translated(Cli::command(), Lang::Zh);
        chinese(&command.try_get_matches_from(line.split(' ')).unwrap_err())
    }

    #[test]
    fn a_wrong_call_is_explained_in_chinese_with_what_was_meant() {
        assert!(said("liandong inbx").starts_with("没有 inbx 这个命令\n是否指 inbox？"), "{}", said("liandong inbx"));
        assert!(said("liandong inbox --sentt").contains("没有 --sentt 这个选项或参数\n是否指 --sent？"));
        assert!(said("liandong show").starts_with("缺少 <ID>"));
        let value = said("liandong send bulletin --precedence fast");
        assert!(value.contains("`fast` 不对\n可用：flash、immediate、priority、routine"), "{value}");
        let form = said("liandong send bulletin --to 临沂");
        assert!(form.contains("应为：371300 | 371300/commander"), "{form}");
    }

    #[test]
    fn no_explanation_has_english_prose() {
        for line in ["liandong", "liandong thread", "liandong ack", "liandong inbox -n many", "liandong inbox -n 0"] {
            let said = said(line);
            for english in ["error", "required", "invalid", "not in", "Usage"] {
                assert!(!said.contains(english), "{line}: {said}");
            }
        }
    }
}
