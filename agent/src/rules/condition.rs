//! Conditions in CEL, the Common Expression Language: the one place that knows the library.
//!
//! A condition always ends: it is short, loops only over what stands in the message, and never deeper than twice. What it
//! refers to is known when the file is read, so a misspelt variable is refused there and not at three in the morning.

use std::{collections::HashMap, fmt, sync::Arc};

use cel::{
    Context, Env, IdedExpr, Program, Value,
    common::ast::{EntryExpr, Expr},
};
use model::{invalid::Invalid, reason::Reason};
use serde_json::Value as Json;
use store::tasks::on_a_wide_stack;

/// Characters of a condition at most.
pub const CHARS_MAX: usize = 2_000;
/// Brackets and choices (`a ? b : c`) within each other at most: the parser takes a piece of the stack for each.
const DEPTH_MAX: usize = 12;
/// Loops within each other at most.
const LOOPS_MAX: usize = 2;
/// Entries of a list that a condition may see at most.
const ENTRIES_MAX: usize = 1_000;

/// What a condition may name. Each is always there; what an event does not have is empty.
pub const VARIABLES: [&str; 14] = [
    "event", "kind", "name", "status", "from", "us", "header", "body", "thread", "receipt", "deadline", "refusal",
    "link", "now",
];

/// What a condition may call, beside operators.
pub const FUNCTIONS: [&str; 10] =
    ["size", "contains", "startsWith", "endsWith", "matches", "int", "uint", "double", "string", "bool"];

/// A condition that was read. Cheap to clone.
#[derive(Clone)]
pub struct Condition {
    text: Arc<str>,
    program: Arc<Program>,
    env: Arc<Env>,
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

/// What a condition came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is true, or false.
    Truth(bool),
    /// A text, or a number as text.
    Text(String),
}

impl Condition {
    /// Reads a condition, or one expression of a template.
    ///
    /// # Errors
    /// BAD_CODE with line and column: it is no expression, too long, too deep, or refers to what nobody knows.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let chars = text.chars().count();
        if chars > CHARS_MAX {
            return Err(Invalid::too_large("", chars, CHARS_MAX));
        }
        if depth(text) > DEPTH_MAX {
            return Err(refused(
                "rules.condition",
                &format!("more than {DEPTH_MAX} brackets or choices within each other"),
            ));
        }
        let too_deep = || refused("rules.condition", "the parser gave it up");
        on_a_wide_stack(|| Self::compile(text)).map_err(|_gave_up| too_deep())?
    }

    fn compile(text: &str) -> Result<Self, Invalid> {
        let env = Env::stdlib();
        let program = env.compile(text).map_err(|errors| {
            let first = errors.errors.first();
            let (line, column) = first.map_or((1, 1), |error| error.pos);
            let what = first.map_or_else(|| errors.to_string(), |error| error.msg.clone());
            refused("rules.condition", &format!("{line}:{column}: {what}"))
        })?;
        Check { program: &program }.expression(program.expression(), &mut Vec::new(), 0)?;
        Ok(Self { text: text.into(), program: Arc::new(program), env: Arc::new(env) })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it comes to with these facts, which are those of [`VARIABLES`]. May take milliseconds.
    ///
    /// # Errors
    /// What went wrong, for people: a field that is not there, values that do not compare.
    pub fn evaluate(&self, facts: &Json) -> Result<Outcome, String> {
        on_a_wide_stack(|| self.execute(facts)).map_err(|_gave_up| "the library gave it up".to_owned())?
    }

    fn execute(&self, facts: &Json) -> Result<Outcome, String> {
        let mut context = Context::with_env(self.env.clone());
        for name in VARIABLES {
            context.add_variable_from_value(name, value(facts.get(name).unwrap_or(&Json::Null))?);
        }
        match self.program.execute(&context) {
            Ok(Value::Bool(truth)) => Ok(Outcome::Truth(truth)),
            Ok(Value::String(text)) => Ok(Outcome::Text(text.to_string())),
            Ok(Value::Int(number)) => Ok(Outcome::Text(number.to_string())),
            Ok(Value::UInt(number)) => Ok(Outcome::Text(number.to_string())),
            Ok(Value::Float(number)) => Ok(Outcome::Text(number.to_string())),
            Ok(_) => Err("it is neither true nor false, nor a text".to_owned()),
            Err(error) => Err(error.to_string().chars().take(200).collect()),
        }
    }
}

/// How deep brackets and choices go, at most; those within texts are counted too.
fn depth(text: &str) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    for c in text.chars() {
        match c {
            '(' | '[' | '{' => now += 1,
            ')' | ']' | '}' => now = now.saturating_sub(1),
            _ => {}
        }
        most = most.max(now);
    }
    most + text.matches('?').count()
}

fn refused(rule: &str, detail: &str) -> Invalid {
    Invalid::new(Reason::BadCode, "", rule).detail(detail.chars().take(300).collect::<String>())
}

/// JSON as values of the language. Whole numbers are of one sort, so that they compare with what people write.
fn value(json: &Json) -> Result<Value, String> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => {
            number.as_i64().map_or_else(|| Value::Float(number.as_f64().unwrap_or(0.0)), Value::Int)
        }
        Json::String(text) => Value::String(Arc::new(text.clone())),
        Json::Array(all) if all.len() > ENTRIES_MAX => {
            return Err(format!("a list of more than {ENTRIES_MAX} entries"));
        }
        Json::Array(all) => Value::List(Arc::new(all.iter().map(value).collect::<Result<_, _>>()?)),
        Json::Object(all) => {
            let entry = |(key, inner): (&String, &Json)| Ok::<_, String>((key.clone(), value(inner)?));
            Value::from(all.iter().map(entry).collect::<Result<HashMap<_, _>, _>>()?)
        }
    })
}

/// Walks a condition and refuses what it may not say.
struct Check<'p> {
    program: &'p Program,
}

impl Check<'_> {
    fn expression<'e>(&self, at: &'e IdedExpr, bound: &mut Vec<&'e str>, loops: usize) -> Result<(), Invalid> {
        match &at.expr {
            Expr::Ident(name) => self.variable(at.id, name, bound),
            Expr::Select(select) => self.expression(&select.operand, bound, loops),
            Expr::Call(call) => {
                self.function(at.id, &call.func_name)?;
                call.target
                    .as_deref()
                    .into_iter()
                    .chain(&call.args)
                    .try_for_each(|arg| self.expression(arg, bound, loops))
            }
            Expr::List(list) => list.elements.iter().try_for_each(|entry| self.expression(entry, bound, loops)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.expression(&entry.key, bound, loops)?;
                    self.expression(&entry.value, bound, loops)
                }
                EntryExpr::StructField(_) => Err(self.refused(at.id, "no types can be made here")),
            }),
            Expr::Comprehension(each) => {
                if loops == LOOPS_MAX {
                    return Err(self.refused(at.id, &format!("more than {LOOPS_MAX} loops within each other")));
                }
                self.expression(&each.iter_range, bound, loops)?;
                let before = bound.len();
                bound.extend([each.iter_var.as_str(), each.accu_var.as_str()]);
                bound.extend(each.iter_var2.as_deref());
                let inner = [&each.accu_init, &each.loop_cond, &each.loop_step, &each.result];
                inner.into_iter().try_for_each(|part| self.expression(part, bound, loops + 1))?;
                bound.truncate(before);
                Ok(())
            }
            Expr::Literal(_) => Ok(()),
            Expr::Struct(_) | Expr::Unspecified => Err(self.refused(at.id, "no types can be made here")),
        }
    }

    fn variable(&self, id: u64, name: &str, bound: &[&str]) -> Result<(), Invalid> {
        if VARIABLES.contains(&name) || bound.contains(&name) || name.starts_with('@') {
            return Ok(());
        }
        let near = proto::rules::closest(name, VARIABLES.into_iter());
        let hint =
            near.map_or_else(|| format!("known: {}", VARIABLES.join(", ")), |near| format!("did you mean {near}?"));
        Err(self.refused(id, &format!("nothing is called {name}; {hint}")))
    }

    fn function(&self, id: u64, name: &str) -> Result<(), Invalid> {
        let operator = !name.starts_with(|c: char| c.is_ascii_alphabetic());
        if operator || FUNCTIONS.contains(&name) {
            return Ok(());
        }
        let near = proto::rules::closest(name, FUNCTIONS.into_iter());
        let hint =
            near.map_or_else(|| format!("known: {}", FUNCTIONS.join(", ")), |near| format!("did you mean {near}?"));
        Err(self.refused(id, &format!("no function is called {name}; {hint}")))
    }

    fn refused(&self, id: u64, what: &str) -> Invalid {
        let (start, _) = self.program.source_info().offset_for(id).unwrap_or_default();
        let before = self.program.source_info().source.chars().take(start as usize);
        let (line, column) =
            before.fold((1, 1), |(line, column), c| if c == '\n' { (line + 1, 1) } else { (line, column + 1) });
        refused("rules.condition", &format!("{line}:{column}: {what}"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn truth(text: &str, facts: &Json) -> Result<Outcome, String> {
        Condition::parse(text).unwrap().evaluate(facts)
    }

    #[test]
    fn a_condition_asks_for_fields_kinds_and_lists() {
        let facts = json!({
            "kind": "K07", "from": "320300",
            "header": {"precedence": "ROUTINE", "incident_id": ""},
            "body": {"headline": "沂河水位上涨", "items": [{"quantity": 3}, {"quantity": 7}]},
        });

        for (text, is) in [
            ("kind == 'K07' && from in ['320300', '320700']", true),
            ("header.precedence == 'FLASH'", false),
            ("body.headline.contains('水位') && header.incident_id == ''", true),
            ("body.headline.matches('^沂河.*上涨$')", true),
            ("body.items.exists(item, item.quantity > 5)", true),
            ("body.items.all(item, item.quantity > 5)", false),
            ("size(body.items) == 2 && has(body.items) && !has(body.area)", true),
        ] {
            assert_eq!(truth(text, &facts), Ok(Outcome::Truth(is)), "{text}");
        }
        assert_eq!(truth("body.headline + '!'", &facts), Ok(Outcome::Text("沂河水位上涨!".into())));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_place() {
        for (text, says) in [
            ("kind == ", "1:"),
            ("true &&\n  knd == 'K07'", "2:3: nothing is called knd; did you mean kind?"),
            ("sizeof(body) > 3", "no function is called sizeof"),
            ("body.a.all(x, body.b.all(y, body.c.all(z, true)))", "more than 2 loops"),
            ("x.all(x, x)", "nothing is called x"),
            ("google.protobuf.Any{a: 1}", "no types"),
        ] {
            let refused = Condition::parse(text).unwrap_err();
            assert!(refused.detail.contains(says), "{text}: {}", refused.detail);
        }
        assert_eq!(Condition::parse(&"1".repeat(CHARS_MAX + 1)).unwrap_err().reason, Reason::TooLarge);
    }

    #[test]
    fn deep_brackets_are_refused_and_nothing_hangs() {
        let brackets = |depth| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
        assert!(Condition::parse(&brackets(DEPTH_MAX)).is_ok());
        assert!(Condition::parse(&brackets(900)).is_err());
        assert!(Condition::parse(&format!("{}true", "true ? false : ".repeat(100))).is_err());
        for long in [
            format!("body{}", ".a".repeat(900)),
            format!("0{} > 0", " + 1".repeat(450)),
            format!("{}true", "!".repeat(900)),
            format!("true{}", " && true".repeat(200)),
            format!("'x'{} == ''", ".contains('x')".repeat(120)),
        ] {
            // true, false or a fault: but an answer
            drop(Condition::parse(&long).unwrap().evaluate(&json!({})));
        }
    }

    #[test]
    fn what_cannot_be_evaluated_says_why() {
        let facts = json!({"body": {"count": 1, "long": vec![0; ENTRIES_MAX + 1]}});
        assert!(truth("body.nothing == 1", &json!({"body": {}})).unwrap_err().contains("nothing"));
        assert!(truth("body.count", &facts).unwrap_err().contains("more than 1000"));
        let facts = json!({"body": {"count": 1}});
        assert!(truth("body.count < 'a'", &facts).is_err());
        assert!(truth("[body.count]", &facts).unwrap_err().contains("neither true nor false"));
    }
}
