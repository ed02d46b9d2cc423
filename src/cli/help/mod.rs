//! Help in the reader's language: the doc comments of the commands are the English, one table is the Chinese.

mod zh;

use clap::{Arg, Command, builder::StyledStr};

use crate::lang::Lang;

/// How help is laid out in Chinese.
const TEMPLATE_ZH: &str = "{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}";

/// The command with its help in the reader's language. Names of commands and flags are the same in both.
pub fn translated(mut command: Command, lang: Lang) -> Command {
    // only the root has `help`: `liandong help mailbox peek` reaches everything
    command = without_help(command);
    command.build();
    if lang == Lang::En { command } else { of(command, "") }
}

fn without_help(command: Command) -> Command {
    command.mut_subcommands(|sub| without_help(sub.disable_help_subcommand(true)))
}

fn of(mut command: Command, path: &str) -> Command {
    let usage = usage(&command.render_usage().to_string());
    let about = zh::command(path).unwrap_or_default();
    let command = command
        .about(about)
        .long_about(about)
        .help_template(TEMPLATE_ZH)
        .override_usage(usage)
        .subcommand_help_heading("命令")
        .subcommand_value_name("命令")
        .mut_args(|arg| argument(arg, path));
    command.mut_subcommands(|sub| {
        let name = sub.get_name().to_owned();
        let path = if path.is_empty() { name } else { format!("{path} {name}") };
        // what `help` lists below itself has been said already
        if path == "help" {
            sub.about(zh::command(&path).unwrap_or_default()).help_template(TEMPLATE_ZH)
        } else {
            of(sub, &path)
        }
    })
}

/// The line that shows how a command is written; `[OPTIONS]` and `<COMMAND>` are clap's own words.
pub fn usage(line: &str) -> String {
    let line = line.trim_start_matches("Usage:").trim();
    line.replace("[OPTIONS]", "[选项]").replace("<COMMAND>", "<命令>").replace("[COMMAND]", "[命令]")
}

fn argument(arg: Arg, path: &str) -> Arg {
    let Some(text) = zh::argument(path, arg.get_id().as_str()) else { return arg };
    let heading = if arg.is_positional() { "参数" } else { "选项" };
    let help = format!("{text}{}", notes(&arg));
    arg.hide_default_value(true)
        .hide_possible_values(true)
        .hide_env(true)
        .help_heading(heading)
        .long_help(StyledStr::from(help.clone()))
        .help(StyledStr::from(help))
}

/// What clap would say in English: default, environment, values.
fn notes(arg: &Arg) -> String {
    let mut notes: Vec<String> = Vec::new();
    let values: Vec<String> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    let default: Vec<String> = arg.get_default_values().iter().map(|value| value.to_string_lossy().into()).collect();
    if let Some(env) = arg.get_env() {
        notes.push(format!(" [环境变量：{}]", env.to_string_lossy()));
    }
    if arg.get_action().takes_values() {
        if !default.is_empty() && default.iter().any(|value| !value.is_empty()) {
            notes.push(format!(" [默认：{}]", default.join(" ")));
        }
        if !values.is_empty() {
            notes.push(format!(" [可选：{}]", values.join("、")));
        }
    }
    notes.concat()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    fn walk(command: &Command, path: &str, missing: &mut Vec<String>) {
        if zh::command(path).is_none() {
            missing.push(format!("command `{path}`"));
        }
        if path == "help" {
            return;
        }
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            if zh::argument(path, arg.get_id().as_str()).is_none() {
                missing.push(format!("argument `{path}` · `{}`", arg.get_id()));
            }
            if arg.get_help().is_none() {
                missing.push(format!("English of `{path}` · `{}`", arg.get_id()));
            }
        }
        for sub in command.get_subcommands() {
            let path = format!("{path} {}", sub.get_name());
            walk(sub, path.trim(), missing);
        }
    }

    #[test]
    fn every_command_and_argument_is_explained_in_both_languages() {
        let mut missing = Vec::new();

        walk(&translated(Cli::command(), Lang::En), "", &mut missing);

        assert!(missing.is_empty(), "src/cli/help/zh.rs lacks:\n{}", missing.join("\n"));
    }

    #[test]
    fn nothing_is_explained_that_does_not_exist() {
        let command = translated(Cli::command(), Lang::En);
        for path in zh::paths() {
            let found =
                path.split(' ').filter(|name| !name.is_empty()).try_fold(&command, |at, name| at.find_subcommand(name));
            assert!(found.is_some(), "src/cli/help/zh.rs explains `{path}`");
        }
        for (path, id) in zh::ids() {
            let at = path.split(' ').try_fold(&command, |at, name| at.find_subcommand(name)).unwrap();
            assert!(at.get_arguments().any(|arg| arg.get_id() == id), "src/cli/help/zh.rs explains `{path}` · `{id}`");
        }
    }

    #[test]
    fn the_tree_of_commands_is_sound() {
        Cli::command().debug_assert();
        translated(Cli::command(), Lang::Zh).debug_assert();
    }

    #[test]
    fn chinese_help_has_no_english_sentence() {
        let mut command = translated(Cli::command(), Lang::Zh);
        let inbox = command.find_subcommand_mut("inbox").unwrap();
        let text = inbox.render_long_help().to_string();

        for english in ["Usage", "Options", "Print help", "default", "possible"] {
            assert!(!text.contains(english), "{english} in:\n{text}");
        }
        assert!(text.contains("[默认：20]") && text.contains("[可选：actual、exercise、system、test]"), "{text}");
    }
}
