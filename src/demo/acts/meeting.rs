//! The joint meeting: one shared agenda, written by all, read by all, with a paper behind its first item.

use anyhow::Context as _;
use proto::v1::{self, body::Body};

use crate::demo::{
    drafts::{self, example},
    region::{CITIES, LY, LYG, XZ},
    stage::{PATIENCE, Stage},
};

/// The paper of the first item, written for this demo.
const PAPER: &str = include_str!("../paper.zh.md");
const MEETING: &str = "371300-JM-demo";
/// It bears the meeting's id.
const AGENDA: &str = "agenda/371300-JM-demo";

/// 临沂 opens the agenda with a paper, 徐州 proposes an item, everybody pulls the same.
pub async fn agenda(stage: &mut Stage) -> anyhow::Result<()> {
    stage.teller.say(
        "临沂建立联席会议共享议程，第 1 项附文件；徐州提出第 2 项",
        "Linyi opens the joint meeting's shared agenda, item 1 with a paper; Xuzhou proposes item 2",
    );
    let paper = open(stage).await?;
    propose(stage).await?;
    let mut etags = Vec::new();
    for city in CITIES {
        let pulled = stage.desk(city)?.pull(AGENDA).await?;
        let document = pulled.document.with_context(|| format!("{city} pulls the agenda"))?;
        etags.push((document.etag, document.items.len()));
    }
    let equal = etags.windows(2).all(|pair| pair.first() == pair.last()) && etags.iter().all(|(_, items)| *items == 2);
    stage.teller.check(equal, "三市拉取的议程一致：2 项", "all three pull the same agenda: 2 items");
    let fetched = stage.desk(LYG)?.get_blob(&paper).await?;
    stage.teller.check(
        fetched == PAPER.as_bytes(),
        "连云港取到第 1 项的文件，逐字节一致",
        "Lianyungang fetches the paper of item 1, byte for byte",
    );
    notice(stage).await
}

async fn open(stage: &mut Stage) -> anyhow::Result<Vec<u8>> {
    let desk = stage.desk(LY)?;
    let paper = desk.put_blob(PAPER.as_bytes()).await?;
    let head = v1::AgendaHead {
        status: v1::AgendaStatus::OpenForProposals.into(),
        order: vec!["1".to_owned(), "2".to_owned()],
        meeting_id: MEETING.to_owned(),
        title: "应急联动联席会议".to_owned(),
    };
    let change = |change| Body::AgendaChange(v1::AgendaChange { change: Some(change) });
    let draft = drafts::to(&[], change(v1::agenda_change::Change::Head(head)));
    let draft = draft.document(AGENDA, "", v1::MemberRights::AddAndEdit).role(v1::Role::Secretariat);
    desk.change(draft.done()).await?;
    let file =
        v1::FileRef {
            title: "邻近区域合作的五个方面".to_owned(), sha256: paper.clone().into(), uri: String::new()
        };
    let item = item("邻近区域应急管理合作的五个方面", LY, vec![file]);
    let draft = drafts::to(&[], change(v1::agenda_change::Change::Item(item)));
    let draft = draft.document(AGENDA, "1", v1::MemberRights::Unspecified).role(v1::Role::Secretariat);
    desk.change(draft.attached("五个方面.md", &paper, PAPER.len()).done()).await?;
    Ok(paper)
}

async fn propose(stage: &mut Stage) -> anyhow::Result<()> {
    let item = item("省界罐车事故联合处置复盘", XZ, Vec::new());
    let body = Body::AgendaChange(v1::AgendaChange { change: Some(v1::agenda_change::Change::Item(item)) });
    let draft = drafts::to(&[], body).document(AGENDA, "2", v1::MemberRights::Unspecified);
    stage.desk(XZ)?.change(draft.done()).await?;
    Ok(())
}

/// The owner of the agenda places its own; what others write is proposed.
fn item(title: &str, city: &str, papers: Vec<v1::FileRef>) -> v1::AgendaItem {
    let state = if city == LY { v1::AgendaItemState::Placed } else { v1::AgendaItemState::Proposed };
    v1::AgendaItem {
        title: title.to_owned(),
        r#type: v1::AgendaItemType::Discuss.into(),
        presenter: Some(v1::Seat { jurisdiction: city.to_owned(), ..v1::Seat::default() }),
        minutes: 20,
        papers,
        proposed_by: city.to_owned(),
        state: state.into(),
        ..v1::AgendaItem::default()
    }
}

async fn notice(stage: &mut Stage) -> anyhow::Result<()> {
    let mut notice = example!(MeetingNotice);
    let agenda = stage.desk(LY)?.pull(AGENDA).await?.document.context("Linyi pulls its agenda")?;
    MEETING.clone_into(&mut notice.meeting_id);
    notice.agenda = Some(v1::AgendaRef { document_id: AGENDA.to_owned(), etag: agenda.etag });
    let draft = drafts::to(&[LYG, XZ], Body::MeetingNotice(notice)).role(v1::Role::Secretariat).signed_off();
    let id = stage.desk(LY)?.send(draft.done()).await?;
    let came = stage.board.until(PATIENCE, |seen| seen.times(LYG, &id) == 1 && seen.times(XZ, &id) == 1).await;
    stage.teller.say("临沂 → 徐州、连云港  联席会议通知", "Linyi → Xuzhou, Lianyungang  notice of the joint meeting");
    stage.teller.check(came, "两市已收到通知", "both have the notice");
    Ok(())
}
