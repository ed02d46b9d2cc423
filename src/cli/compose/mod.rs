//! From the options, the file and the editor of a person to a draft: what `send` and `answer` share.

pub mod ask;
pub mod attach;
pub mod edit;
pub mod example;
pub mod faults;
pub mod file;
pub mod set;
pub mod sheet;
pub mod values;

use proto::rules::{self, KindInfo};
use std::{io::IsTerminal as _, path::PathBuf};

use clap::Args;
use model::{
    kind::Kind,
    level::{Category, Confidentiality, EventLevel, WarningLevel},
    precedence::Precedence,
    role::Role,
    time::Timestamp,
};
use proto::{border, v1};
use serde_json::{Value, json};

use self::{edit::Sheet, values::When};
use super::{
    desk::Client,
    exit::BadInput,
    kinds,
    out::{Context, Talk},
};

/// What a message says, by option, by file or by hand. An option wins over the file.
#[derive(Args, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub struct Content {
    /// Recipient, repeatable: 371300, 371300/commander, group:ID or circle:LAT,LON,METRES
    #[arg(long, value_name = "ADDRESS", value_parser = values::address)]
    to: Vec<v1::Address>,
    /// How fast it must be handled; unset: what the kind and the level demand
    #[arg(long, value_name = "PRECEDENCE", value_parser = values::list::<Precedence>(), ignore_case = true)]
    precedence: Option<Precedence>,
    /// Event level, l1 (gravest) to l4, or l0 while not graded
    #[arg(long, value_name = "LEVEL", value_parser = values::list::<EventLevel>(), ignore_case = true)]
    level: Option<EventLevel>,
    /// Colour of an alert
    #[arg(long, value_name = "COLOUR", value_parser = values::list::<WarningLevel>(), ignore_case = true)]
    warning: Option<WarningLevel>,
    /// Sort of event
    #[arg(long, value_name = "CATEGORY", value_parser = values::list::<Category>(), ignore_case = true)]
    category: Option<Category>,
    /// Who may read it; unset: internal
    #[arg(long, value_name = "WHO", value_parser = values::list::<Confidentiality>(), ignore_case = true)]
    confidentiality: Option<Confidentiality>,
    /// Incident, for example 371300-20261203-0001
    #[arg(long, value_name = "ID")]
    incident: Option<String>,
    /// Agreement that covers it, or NONE
    #[arg(long, value_name = "ID")]
    agreement: Option<String>,
    /// Belongs to this drill: travels as EXERCISE and touches nothing real
    #[arg(long, value_name = "DRILL")]
    exercise: Option<String>,
    /// In which role we speak; unset: the role of the agent's configuration
    #[arg(long, value_name = "ROLE", value_parser = values::list::<Role>(), ignore_case = true)]
    role: Option<Role>,
    /// Who drafted it; unset: whoever the agent's configuration names
    #[arg(long, value_name = "NAME/ROLE", value_parser = values::signatory)]
    prepared_by: Option<v1::Signatory>,
    /// Who signs it off, a shift leader or commander
    #[arg(long, value_name = "NAME/ROLE", value_parser = values::signatory)]
    sign_off: Option<v1::Signatory>,
    /// Nobody is handed it after this: 2h, 3d, or a time
    #[arg(long, value_name = "WHEN")]
    expires: Option<When>,
    /// File to go with it, repeatable; at most 20 MiB together
    #[arg(long, value_name = "FILE")]
    attach: Vec<PathBuf>,
    /// One field of the message, repeatable; `liandong kinds KIND` lists them
    #[arg(long, value_name = "FIELD=VALUE", value_parser = field)]
    set: Vec<(String, String)>,
    /// The message from a file (TOML or JSON); `-` is standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Write it in $EDITOR, beginning with the file or an example
    #[arg(long)]
    edit: bool,
    /// Print a complete valid example and end; as JSON with -o json
    #[arg(long)]
    example: bool,
    /// Only check; nothing is stored or sent
    #[arg(long)]
    pub dry_run: bool,
    /// Stay and show the receipts until every recipient has done what is asked
    #[arg(long)]
    pub watch: bool,
}

/// `FIELD=VALUE`, split.
pub fn field(text: &str) -> Result<(String, String), String> {
    let (path, value) = text.split_once('=').ok_or("FIELD=VALUE (headline=…)")?;
    Ok((path.trim().to_owned(), value.to_owned()))
}

/// Where a message begins: a draft that the desk has filled in, and what the command itself says.
#[derive(Debug, Default)]
pub struct Form {
    /// What is known. Its action and what it follows are as sent; the rest gives way to what a person says.
    pub draft: v1::Draft,
    /// Fields and their values, as `--set` takes them.
    pub says: &'static [(&'static str, &'static str)],
}

impl Form {
    /// One that says nothing but how the message follows another.
    pub fn of(header: v1::Header) -> Self {
        Self { draft: v1::Draft { header: Some(header), ..v1::Draft::default() }, says: &[] }
    }

    /// What stands in the header wherever nobody has said otherwise.
    pub fn head(&self, header: &mut v1::Header) {
        let Some(form) = &self.draft.header else { return };
        header.action = form.action;
        header.preceding_message_id.clone_from(&form.preceding_message_id);
        header.answer = if form.answer == 0 { header.answer } else { form.answer };
        header.status = if header.status == 0 { form.status } else { header.status };
        if header.recipients.is_empty() {
            header.recipients.clone_from(&form.recipients);
        }
        put_unless_said(&mut header.warning_level, form.warning_level);
        put_unless_said(&mut header.category, form.category);
        put_unless_said(&mut header.confidentiality, form.confidentiality);
        if header.attachments.is_empty() {
            header.attachments.clone_from(&form.attachments);
        }
        if let Some(drill) = &form.drill {
            let said = header.drill.get_or_insert_default();
            if said.drill_id.is_empty() {
                said.drill_id.clone_from(&drill.drill_id);
            }
        }
    }

    /// The body as far as it is filled in.
    fn body(&self) -> Option<Value> {
        let draft = v1::Draft { body: Some(self.draft.body.clone()?), ..v1::Draft::default() };
        Some(rules::draft_to_json(&draft))
    }
}

/// A message that is being written, and the sheet it is written on if a person writes it in an editor.
#[derive(Debug)]
pub struct Writing {
    /// What it says so far.
    pub value: Value,
    /// To be kept if sending fails.
    sheet: Option<Sheet>,
}

impl Writing {
    /// Throws the sheet away after success, and tells where it is after a failure.
    pub fn after<T>(self, result: anyhow::Result<T>, context: Context) -> anyhow::Result<T> {
        if let Some(sheet) = self.sheet {
            match &result {
                Ok(_) => sheet.done(),
                Err(_) => sheet.keep(context),
            }
        }
        result
    }
}

impl Content {
    /// Prints an example instead of sending, if that was asked for.
    pub fn show_example(&self, kind: &KindInfo, now: Timestamp, context: Context) -> Option<anyhow::Result<()>> {
        self.example.then(|| example::print(kind, now, context))
    }

    /// The colour of an alert, where the options say one.
    pub const fn colour(&self) -> Option<WarningLevel> {
        self.warning
    }

    /// Whether a person sits there and may be asked for what is missing.
    pub fn may_ask(&self, context: Context) -> bool {
        let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        terminal && context.is_table() && context.talk == Talk::Full && self.file.is_none() && !self.edit
    }

    /// What the form, the file, the editor and the options say.
    pub async fn begin(
        &self,
        kind: &KindInfo,
        form: &Form,
        now: Timestamp,
        context: Context,
    ) -> anyhow::Result<Writing> {
        let mut writing = self.written(kind, form, now, context).await?;
        let said = form.says.iter().copied().chain(self.set.iter().map(|(path, text)| (path.as_str(), text.as_str())));
        for (path, text) in said {
            if let Err(error) = set::field(&mut writing.value, path, text, kind.kind, now) {
                return writing.after(Err(error.into()), context);
            }
        }
        Ok(writing)
    }

    /// What stands in the file or was written by hand, else in the form.
    async fn written(&self, kind: &KindInfo, form: &Form, now: Timestamp, context: Context) -> anyhow::Result<Writing> {
        let given = self.file.as_deref().map(file::read).transpose()?.or_else(|| form.body());
        if self.edit {
            let name = kinds::option(kind);
            let text = match given {
                Some(value) => sheet::write(&value, kind.kind, context.lang),
                None => example::toml(kind, now, context),
            };
            let sheet = Sheet::edit(&text, &name, context).await?;
            let value = file::parse(&sheet.text).inspect_err(|_| sheet.keep(context))?;
            return Ok(Writing { value, sheet: Some(sheet) });
        }
        match given {
            Some(value) => Ok(Writing { value, sheet: None }),
            None if self.set.is_empty() && !self.may_ask(context) => Err(nothing_said(kind, context).into()),
            None => Ok(Writing { value: json!({"body": {&kind.field: {}}}), sheet: None }),
        }
    }

    /// The draft as it is now. With a desk, large attachments are stored there.
    pub async fn filled(
        &self,
        kind: Kind,
        value: &Value,
        form: &Form,
        desk: Option<&mut Client>,
        now: Timestamp,
        context: Context,
    ) -> anyhow::Result<v1::Draft> {
        let mut draft = rules::draft_from_json(Some(kind), value)?;
        let header = draft.header.get_or_insert_default();
        self.head(header, now);
        form.head(header);
        if draft.inline.is_empty() {
            draft.inline.clone_from(&form.draft.inline);
        }
        let mut desk = desk;
        for path in &self.attach {
            attach::add(&mut draft, path, desk.as_deref_mut(), context).await?;
        }
        Ok(draft)
    }

    /// What the options say about the header.
    fn head(&self, header: &mut v1::Header, now: Timestamp) {
        if !self.to.is_empty() {
            header.recipients.clone_from(&self.to);
        }
        put(&mut header.precedence, self.precedence.map(Precedence::number));
        put(&mut header.event_level, self.level.map(EventLevel::number));
        put(&mut header.warning_level, self.warning.map(WarningLevel::number));
        put(&mut header.category, self.category.map(Category::number));
        put(&mut header.confidentiality, self.confidentiality.map(Confidentiality::number));
        if let Some(role) = self.role {
            header.sender.get_or_insert_default().role = role.number();
        }
        put(&mut header.incident_id, self.incident.clone());
        put(&mut header.agreement_id, self.agreement.clone());
        if let Some(drill_id) = &self.exercise {
            header.status = v1::Status::Exercise.into();
            header.drill.get_or_insert_default().drill_id.clone_from(drill_id);
        }
        let at = |signed: &v1::Signatory| v1::Signatory { at: Some(border::time::to_wire(now)), ..signed.clone() };
        if self.prepared_by.is_some() {
            header.prepared_by = self.prepared_by.as_ref().map(at);
        }
        if self.sign_off.is_some() {
            header.signed_off_by = self.sign_off.as_ref().map(at);
        }
        if let Some(expires) = self.expires {
            header.expires_at = Some(border::time::to_wire(expires.from(now)));
        }
    }
}

fn put_unless_said(field: &mut i32, form: i32) {
    if *field == 0 {
        *field = form;
    }
}

fn put<T>(field: &mut T, said: Option<T>) {
    if let Some(said) = said {
        *field = said;
    }
}

fn nothing_said(kind: &KindInfo, context: Context) -> BadInput {
    let name = kinds::option(kind);
    let zh = format!(
        "没有内容：用 --set 字段=值、-f 文件 或 --edit 填写。示例：liandong send {name} --example；字段：liandong kinds {name}"
    );
    let en = format!(
        "no content: give --set FIELD=VALUE, -f FILE or --edit. An example: liandong send {name} --example; the fields: liandong kinds {name}"
    );
    BadInput(context.say(&zh, &en).to_owned())
}
