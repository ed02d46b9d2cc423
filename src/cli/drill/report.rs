//! The after-action report as a draft: everything that receipts and deadlines prove stands in it, and whatever a person must
//! judge is left open. As Markdown for people, as the draft of an evaluation (K35) for `drill evaluate -f`.

use std::{fmt::Write as _, path::PathBuf};

use clap::Args;
use model::{kind::Kind, status::Action};
use proto::{rules, v1, v1::body::Body};

use super::{
    score::{answer, length, result},
    scored,
};
use crate::cli::{
    desk::{Client, Where, ask},
    out::{self, Context},
    words,
};

/// Which drill, and where the report goes.
#[derive(Args, Debug)]
#[command(
    after_help = "  liandong drill report 371300-DR-2027-09 --to report.md\n  liandong drill report 371300-DR-2027-09 -o json > review.json"
)]
pub struct Report {
    /// The drill's id, or any message of it: its id, or the last 6 or more digits of it
    #[arg(value_name = "DRILL")]
    drill: String,
    /// Where to write it; unset: standard output
    #[arg(short = 'O', long, value_name = "FILE")]
    to: Option<PathBuf>,
}

impl Report {
    /// Writes it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let mut desk = place.client(context.lang).await?;
        let score = scored(&mut desk, &self.drill, context).await?;
        let draft = draft(&mut desk, &score).await?;
        let text = if context.is_table() {
            Page { context, score: &score, review: review(&draft) }.write()
        } else {
            format!("{}\n", serde_json::to_string_pretty(&rules::draft_to_json(&draft))?)
        };
        match &self.to {
            Some(to) => context.write(to, text.as_bytes())?,
            None => out::line(&text)?,
        }
        context.next(
            "liandong drill evaluate …",
            "填好评定与意见后发出评估（-o json 输出的草稿可用 -f 带入）",
            "send the evaluation once it is rated (-f takes the draft that -o json prints)",
        );
        Ok(())
    }
}

/// The evaluation as far as the desk can fill it in.
async fn draft(desk: &mut Client, score: &v1::DrillScoreResponse) -> anyhow::Result<v1::Draft> {
    let ask_for = v1::FormRequest {
        kind: Kind::DrillEvaluation.number(),
        message_id: score.invitation_id.clone(),
        action: Action::Originate.number(),
    };
    Ok(desk.form(ask(ask_for)).await?.into_inner().draft.unwrap_or_default())
}

fn review(draft: &v1::Draft) -> v1::DrillEvaluation {
    match draft.body.as_ref().and_then(|body| body.body.as_ref()) {
        Some(Body::DrillEvaluation(review)) => review.clone(),
        _ => v1::DrillEvaluation::default(),
    }
}

/// What is written on the page.
struct Page<'a> {
    context: Context,
    score: &'a v1::DrillScoreResponse,
    review: v1::DrillEvaluation,
}

impl Page<'_> {
    fn write(&self) -> String {
        let parts = [
            self.head(),
            self.table(
                ("参演单位", "Who took part"),
                &["单位", "答复", "签收“演练开始”", "按时"],
                &SIDES,
                self.sides(),
            ),
            self.objectives(),
            self.table(
                ("情景注入", "Injects"),
                &["注入", "发出", "接收方", "送达", "打开", "签收"],
                &INJECTS,
                self.injects(),
            ),
            self.table(
                ("用时", "Times taken"),
                &["时限", "起因", "责任方", "注入", "允许", "用时", "结果"],
                &TIMES,
                self.times(),
            ),
            self.taken_back(),
            self.observations(),
            self.improvements(),
            self.foot(),
        ];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
    }

    fn say(&self, zh: &'static str, en: &'static str) -> &'static str {
        self.context.say(zh, en)
    }

    fn head(&self) -> String {
        let score = self.score;
        let banner = words::not_real(v1::Status::Exercise.into(), self.context.lang);
        let mut text = format!("# {banner}{}\n\n", plain(&score.title));
        text.push_str(self.say("评估报告初稿。时间与结果由回执和时限自动得出，标有“____”处由评估人员填写。", "Draft of the after-action report. Times and results come from receipts and deadlines; people fill in what is marked ____."));
        text.push_str("\n\n");
        let facts = [
            (self.say("演练编号", "Drill"), score.drill_id.clone()),
            (self.say("组织单位", "Organiser"), score.organiser.clone()),
            (self.say("状态", "State"), self.context.say(&score.state_zh, &score.state).to_owned()),
            (self.say("开始", "Start"), time(score.started_at)),
            (self.say("结束", "End"), time(score.ended_at)),
            (self.say("因真实险情中止", "Aborted by"), self.aborted()),
            (self.say("注入", "Injects"), format!("{}/{}", score.injects.len(), score.injects_planned)),
        ];
        for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
            let _ = writeln!(text, "- {name}{}{}", self.say("：", ": "), plain(value));
        }
        text
    }

    fn aborted(&self) -> String {
        let said = [&*self.score.aborted_by, &*self.score.abort_reason, &*self.score.real_incident_id];
        said.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(self.say("，", ", "))
    }

    /// A section with a table; none where the table would be empty.
    fn table(&self, name: (&'static str, &'static str), zh: &[&str], en: &[&str], rows: Vec<Vec<String>>) -> String {
        if rows.is_empty() {
            return String::new();
        }
        let heads = if self.context.lang == crate::lang::Lang::Zh { zh } else { en };
        let mut text =
            format!("## {}\n\n| {} |\n|{}\n", self.say(name.0, name.1), heads.join(" | "), "---|".repeat(heads.len()));
        for row in rows {
            let cells: Vec<String> = row.iter().map(|cell| plain(cell)).collect();
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
        text
    }

    fn sides(&self) -> Vec<Vec<String>> {
        let row = |side: &v1::DrillSide| {
            let started = match (side.took_part, side.start_acknowledged_at) {
                (false, _) => self.say("未参演", "took no part").to_owned(),
                (true, at) => time(at),
            };
            let met = format!("{}/{}", side.met, side.times);
            vec![side.jurisdiction.clone(), answer(&side.answer, self.context), started, met]
        };
        self.score.sides.iter().map(row).collect()
    }

    /// Objective by objective what was seen; how well it was reached, a person says: P, S, M or U.
    fn objectives(&self) -> String {
        if self.score.objectives.is_empty() {
            return String::new();
        }
        let mut text = format!("## {}\n", self.say("目标评定", "Objectives"));
        for objective in &self.score.objectives {
            let _ = writeln!(text, "\n### {} {}\n", objective.objective_id, plain(&objective.capability));
            let _ = writeln!(text, "- {}{}", self.say("达标要求：", "Standard: "), plain(&objective.standard));
            let _ = writeln!(text, "- {}", self.rating(&objective.objective_id));
            for seen in self.score.times.iter().filter(|seen| seen.objective_ids.contains(&objective.objective_id)) {
                let _ = writeln!(text, "- {}", self.time_line(seen));
            }
        }
        text
    }

    /// What a person said of an objective, or room for it.
    fn rating(&self, objective: &str) -> String {
        let said = self.review.results.iter().find(|result| result.objective_id == objective);
        let scale = self.say(
            "评定（P 顺利／S 有一定困难／M 有重大困难／U 未能完成）：",
            "Rating (P without, S with some, M with major challenges, U unable): ",
        );
        let rating = match said.map(v1::ObjectiveResult::rating) {
            Some(v1::ObjectiveRating::P) => "P",
            Some(v1::ObjectiveRating::S) => "S",
            Some(v1::ObjectiveRating::M) => "M",
            Some(v1::ObjectiveRating::U) => "U",
            Some(v1::ObjectiveRating::Unspecified) | None => OPEN,
        };
        let remark = said.map_or("", |result| &result.remark);
        format!("{scale}{rating} {}", plain(remark)).trim_end().to_owned()
    }

    /// What evaluators saw.
    fn observations(&self) -> String {
        let row = |seen: &v1::DrillObservation| {
            vec![time(seen.at), seen.jurisdiction.clone(), seen.inject_id.clone(), seen.text.clone()]
        };
        let rows = self.review.observations.iter().map(row).collect();
        let heads = (["时间", "单位", "注入", "观察内容"], ["At", "Jurisdiction", "Inject", "Text"]);
        self.table(("观察记录", "Observations"), &heads.0, &heads.1, rows)
    }

    fn time_line(&self, seen: &v1::TimeSeen) -> String {
        let time = seen.time.clone().unwrap_or_default();
        let obligor = time.obligor.clone().unwrap_or_default().jurisdiction;
        let taken = time.taken_s.map_or_else(|| "–".to_owned(), |taken| length(taken, self.context));
        let allowed = length(time.allowed_s, self.context);
        let name = words::deadline(&time.deadline, self.context.lang);
        let result = result(&time, self.context);
        format!("{} {} {name} {obligor}: {taken} / {allowed}, {result}", time.inject_id, time.deadline)
    }

    fn injects(&self) -> Vec<Vec<String>> {
        let rows = self.score.injects.iter().flat_map(|inject| {
            inject.arrivals.iter().map(move |arrival| {
                let back = self.say("已收回", "taken back").to_owned();
                let delivered = if arrival.recalled { back } else { time(arrival.delivered_at) };
                let (opened, acknowledged) = (time(arrival.opened_at), time(arrival.acknowledged_at));
                let (id, to) = (inject.inject_id.clone(), arrival.jurisdiction.clone());
                vec![id, time(inject.sent_at), to, delivered, opened, acknowledged]
            })
        });
        rows.collect()
    }

    fn times(&self) -> Vec<Vec<String>> {
        let row = |seen: &v1::TimeSeen| {
            let time = seen.time.clone().unwrap_or_default();
            vec![
                format!("{} {}", time.deadline, words::deadline(&time.deadline, self.context.lang)),
                words::kind(time.kind, self.context.lang),
                time.obligor.clone().unwrap_or_default().jurisdiction,
                time.inject_id.clone(),
                length(time.allowed_s, self.context),
                time.taken_s.map_or_else(|| "–".to_owned(), |taken| length(taken, self.context)),
                result(&time, self.context).to_owned(),
            ]
        };
        self.score.times.iter().map(row).collect()
    }

    /// What an abort took back.
    fn taken_back(&self) -> String {
        let row = |seen: &v1::RecalledSeen| {
            let kind = words::kind(seen.kind, self.context.lang);
            vec![words::short(&seen.message_id), kind, seen.jurisdiction.clone(), seen.reason.clone()]
        };
        let rows = self.score.recalled.iter().map(row).collect();
        self.table(
            ("未送达即收回", "Taken back before delivery"),
            &["编号", "类别", "发往", "原因"],
            &["Id", "Kind", "To", "Why"],
            rows,
        )
    }

    fn improvements(&self) -> String {
        let row = |item: &v1::Improvement| {
            let owner = item.owner.clone().unwrap_or_default();
            let due = time(item.due);
            vec![item.item_id.clone(), item.objective_id.clone(), item.text.clone(), owner.jurisdiction, due]
        };
        let rows = self.review.improvements.iter().map(row).collect();
        let heads = (
            ["编号", "目标", "整改内容（建议）", "责任方", "完成时限"],
            ["Id", "Objective", "What (proposed)", "Owner", "Due"],
        );
        self.table(
            (
                "整改事项（建议，经确认后作为任务下达）",
                "Improvements (proposed; each becomes a task once it is confirmed)",
            ),
            &heads.0,
            &heads.1,
            rows,
        )
    }

    fn foot(&self) -> String {
        let names: Vec<String> = self
            .review
            .evaluators
            .iter()
            .map(|seat| format!("{} {}", seat.jurisdiction, words::person(&seat.name, seat.role, self.context.lang)))
            .collect();
        let (review, by) = (self.say("评估意见", "Review"), self.say("评估人员", "Evaluators"));
        let said = if self.review.review.is_empty() { OPEN.to_owned() } else { plain(&self.review.review) };
        format!("## {review}\n\n{said}\n\n{by}{}{}\n", self.say("：", ": "), plain(&names.join(self.say("、", ", "))))
    }
}

/// What a person fills in.
const OPEN: &str = "____";

const SIDES: [&str; 4] = ["Jurisdiction", "Answer", "Start acknowledged", "In time"];
const INJECTS: [&str; 6] = ["Inject", "Sent", "To", "Delivered", "Opened", "Acknowledged"];
const TIMES: [&str; 7] = ["Deadline", "Cause", "Owed by", "Inject", "Allowed", "Taken", "Result"];

fn time(at: Option<prost_types::Timestamp>) -> String {
    at.map(|at| out::full_time(Some(at))).unwrap_or_default()
}

/// A text that others wrote, so that it is read as text: on one line, and no mark of Markdown in it means anything.
fn plain(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().fold(String::new(), |mut plain, char| {
        if matches!(char, '|' | '\\' | '`' | '*' | '_' | '<' | '>' | '#' | '[' | ']') {
            plain.push('\\');
        }
        plain.push(char);
        plain
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::out::{Format, Talk},
        lang::Lang,
    };

    fn score() -> v1::DrillScoreResponse {
        let time = |taken_s: Option<u32>, met: v1::YesNo| v1::TimeSeen {
            time: Some(v1::ObservedTime {
                deadline: "D10".into(),
                kind: v1::Kind::ResourceRequest.into(),
                inject_id: "INJ-01".into(),
                obligor: Some(v1::Seat { jurisdiction: "320300".into(), ..v1::Seat::default() }),
                allowed_s: 3_600,
                taken_s,
                met: met.into(),
                ..v1::ObservedTime::default()
            }),
            objective_ids: vec!["OBJ-1".into()],
            ..v1::TimeSeen::default()
        };
        v1::DrillScoreResponse {
            drill_id: "371300-DR-2027-01".into(),
            title: "联合演练 | *2027*".into(),
            state: "ABORTED".into(),
            state_zh: "因真实险情中止".into(),
            aborted_by: "320300".into(),
            abort_reason: "燃气爆炸\n# 无".into(),
            objectives: vec![v1::DrillObjective {
                objective_id: "OBJ-1".into(),
                capability: "信息通报".into(),
                standard: "60 分钟".into(),
            }],
            times: vec![time(Some(2_460), v1::YesNo::Yes), time(None, v1::YesNo::No)],
            ..v1::DrillScoreResponse::default()
        }
    }

    fn written(lang: Lang, review: v1::DrillEvaluation) -> String {
        let context = Context { lang, format: Format::Table, talk: Talk::Quiet };
        Page { context, score: &score(), review }.write()
    }

    #[test]
    fn what_is_proved_stands_in_the_draft_and_what_a_person_judges_is_left_open() {
        let zh = written(Lang::Zh, v1::DrillEvaluation::default());
        for line in [
            "- 因真实险情中止：320300，燃气爆炸 \\# 无",
            "| D10 资源请求答复 | 资源请求 | 320300 | INJ-01 | 1小时0分 | 41分0秒 | 按时 |",
            "U 未能完成）：____",
            "- INJ-01 D10 资源请求答复 320300: – / 1小时0分, 未完成",
        ] {
            assert!(zh.contains(line), "{line} in\n{zh}");
        }
        let en = written(Lang::En, v1::DrillEvaluation::default());
        assert!(en.contains("| 41 min 0 s | in time |") && en.contains("U unable): ____"), "{en}");
    }

    #[test]
    fn nothing_that_others_wrote_is_read_as_a_mark() {
        let text = written(Lang::Zh, v1::DrillEvaluation::default());
        assert!(text.starts_with("# 【演练】联合演练 \\| \\*2027\\*\n"), "{text}");
        assert!(!text.contains("\n# 无"), "{text}");
    }

    #[test]
    fn what_was_judged_before_is_kept() {
        let result = v1::ObjectiveResult {
            objective_id: "OBJ-1".into(),
            rating: v1::ObjectiveRating::M.into(),
            remark: "偏慢".into(),
        };
        let review =
            v1::DrillEvaluation {
                results: vec![result], review: "总体顺利".into(), ..v1::DrillEvaluation::default()
            };
        let text = written(Lang::Zh, review);
        assert!(text.contains("U 未能完成）：M 偏慢") && text.contains("## 评估意见\n\n总体顺利"), "{text}");
    }
}
