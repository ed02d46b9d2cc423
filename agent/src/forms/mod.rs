//! Forms: what an answer can know from the message that it answers, so that nobody types it again. Pure; a person fills in
//! the rest, and the rules of the contract judge the whole.

mod action;
mod agreement;
mod drill;
mod duty;
mod information;
mod meeting;
mod resource;

use model::{
    ids::{IncidentId, JurisdictionId, MessageId},
    kind::Kind,
    status::Action,
    thread::duty::REGION_OFFSET_MIN,
    time::Timestamp,
};
use proto::{border, status::Lang, v1, v1::body::Body};

/// What a form is filled from.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// Who writes.
    pub us: &'a JurisdictionId,
    /// Whoever sits at the desk.
    pub officer: &'a v1::Officer,
    /// And how to call them.
    pub phone: &'a str,
    /// When.
    pub now: Timestamp,
    /// An id that nothing has yet.
    pub fresh: MessageId,
    /// The link to the broker lives.
    pub link_up: bool,
    /// Our own incidents that are open.
    pub open_incidents: &'a [IncidentId],
    /// The message that is followed.
    pub before: Option<&'a v1::Content>,
    /// Another message of the thread, where it is known here.
    pub find: &'a dyn Fn(&[u8]) -> Option<v1::Content>,
    /// How the drill went that is evaluated.
    pub score: Option<&'a v1::DrillScoreResponse>,
    /// A task with this id was set already.
    pub is_set: &'a dyn Fn(&str) -> bool,
    /// The language of whoever writes.
    pub lang: Lang,
}

/// The body of a message that begins a matter or answers another, as far as it is known. None where nothing is.
pub fn answer(kind: Kind, ground: &Ground<'_>) -> Option<Body> {
    match kind {
        Kind::VerificationReply => information::verified(ground),
        Kind::DutyReport => Some(duty::report(ground)),
        Kind::ResourceOffer => resource::offer(ground),
        Kind::ResourceDecision => resource::decision(ground),
        Kind::ResourceCommitment => resource::commitment(ground),
        Kind::DeploymentStatus => resource::status(ground),
        Kind::Extension => resource::extension(ground),
        Kind::ReleaseReturn => resource::release(ground),
        Kind::CostStatement => resource::cost(ground),
        Kind::ActionResponse => action::response(ground),
        Kind::ActionStatus => action::status(ground),
        Kind::ConsultationCall => action::joins(ground),
        Kind::ConsultationConclusion => action::conclusion(ground),
        Kind::Agreement => agreement::reply(ground),
        Kind::DrillReply => drill::reply(ground),
        Kind::DrillPlan => drill::plan(ground),
        Kind::DrillEvaluation => drill::evaluation(ground),
        Kind::MeetingReply => meeting::reply(ground),
        Kind::Minutes => meeting::minutes(ground),
        Kind::ActionItem => meeting::item(ground),
        _ => None,
    }
}

/// The drill to which an invitation invites.
pub fn drill_of(before: &v1::Content) -> Option<String> {
    match before.body.as_ref()?.body.as_ref()? {
        Body::DrillInvitation(drill) => Some(drill.drill_id.clone()),
        _ => None,
    }
}

/// The body of a newer revision: what the last one said, but for what each revision says anew.
pub fn again(before: &v1::Content, action: Action) -> Option<Body> {
    let mut body = before.body.clone()?.body?;
    match &mut body {
        Body::IncidentReport(report) => information::follow_up(report),
        Body::Alert(alert) => information::next_alert(alert),
        // answers name the sequence that they answer: one that changes the date or the place is another
        Body::MeetingNotice(notice) if action == Action::Update => notice.sequence = notice.sequence.saturating_add(1),
        Body::DrillInvitation(drill) if action == Action::Update => drill.sequence = drill.sequence.saturating_add(1),
        _ => {}
    }
    Some(body)
}

impl<'a> Ground<'a> {
    fn body(&self) -> Option<&'a Body> {
        self.before?.body.as_ref()?.body.as_ref()
    }

    fn header(&self) -> Option<&'a v1::Header> {
        self.before?.header.as_ref()
    }

    /// This moment, for a field that says when.
    fn at_once(&self) -> prost_types::Timestamp {
        border::time::to_wire(self.now)
    }

    /// A number for a thing of ours that nothing else has: whose, when, which sort, and a piece of chance.
    fn number(&self, letter: char) -> String {
        let date = self.now.civil(REGION_OFFSET_MIN).date_number();
        let tail = self.fresh.to_string();
        let tail = tail.get(tail.len().saturating_sub(6)..).unwrap_or_default();
        format!("{}-{date}-{letter}-{tail}", self.us)
    }

    fn seat(&self) -> v1::Seat {
        v1::Seat { jurisdiction: self.us.to_string(), role: self.officer.role, name: self.officer.name.clone() }
    }
}

#[cfg(test)]
mod tests {
    use proto::rules;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_810_083_600_000);

    /// The example of a kind, as if it had come.
    fn came(kind: Kind) -> v1::Content {
        let v1::Draft { header, body, .. } = rules::example(kind, Lang::Zh, NOW);
        let mut header = header.unwrap_or_default();
        header.message_id = vec![7; 16].into();
        header.originating_message_id = vec![1; 16].into();
        v1::Content { header: Some(header), body, inline: Vec::new() }
    }

    fn form(kind: Kind, before: &v1::Content, find: &dyn Fn(&[u8]) -> Option<v1::Content>) -> Option<Body> {
        let us = "320300".parse().unwrap();
        let officer = v1::Officer { name: "李强".to_owned(), role: v1::Role::DutyOfficer.into() };
        let ground = Ground {
            us: &us,
            officer: &officer,
            phone: "0516-8000000",
            now: NOW,
            fresh: MessageId::new(NOW, [9; 10]),
            link_up: true,
            open_incidents: &[],
            before: Some(before),
            find,
            score: None,
            is_set: &|_| false,
            lang: Lang::Zh,
        };
        answer(kind, &ground)
    }

    #[test]
    fn every_kind_that_waits_for_an_answer_has_a_form_of_it() {
        let request = came(Kind::ResourceRequest);
        for kind in Kind::ALL {
            let Some(owes) = kind.facts().owes else { continue };
            if rules::kinds().iter().all(|known| known.kind != *kind) || *kind == Kind::AuditCheckpoint {
                continue; // checkpoints are answered by the program
            }
            let find = |_: &[u8]| Some(request.clone());
            assert!(form(owes.reply, &came(*kind), &find).is_some(), "{kind:?} is answered by {:?}", owes.reply);
        }
    }

    #[test]
    fn an_offer_has_a_line_for_each_item_and_says_nothing_about_it() {
        let request = came(Kind::ResourceRequest);
        let Some(Body::ResourceRequest(asked)) = request.body.clone().unwrap().body else { panic!("a request") };

        let Some(Body::ResourceOffer(offer)) = form(Kind::ResourceOffer, &request, &|_| None) else {
            panic!("an offer")
        };

        assert_eq!(offer.lines.len(), asked.items.len());
        for (at, (line, item)) in offer.lines.iter().zip(&asked.items).enumerate() {
            assert_eq!((line.line_no as usize, line.item_no, line.quantity), (at + 1, item.item_no, item.quantity));
            assert_eq!(line.answer(), v1::OfferAnswer::Unspecified, "a person answers");
        }
    }

    #[test]
    fn an_order_takes_what_is_offered_and_nothing_that_is_declined() {
        let mut offer = came(Kind::ResourceOffer);
        let Some(Body::ResourceOffer(body)) = offer.body.as_mut().unwrap().body.as_mut() else { panic!("an offer") };
        let line = |line_no, answer: v1::OfferAnswer| v1::OfferLine {
            line_no,
            item_no: line_no,
            answer: answer.into(),
            quantity: 4,
            ..v1::OfferLine::default()
        };
        body.lines =
            vec![line(1, v1::OfferAnswer::Partial), line(2, v1::OfferAnswer::Decline), line(3, v1::OfferAnswer::Defer)];
        let find = |_: &[u8]| Some(came(Kind::ResourceRequest));

        let Some(Body::ResourceDecision(order)) = form(Kind::ResourceDecision, &offer, &find) else {
            panic!("an order")
        };

        assert_eq!(order.lines.iter().map(|line| (line.line_no, line.quantity)).collect::<Vec<_>>(), [(1, 4)]);
        assert!(order.report_to.is_some(), "as the request says");
        assert!(order.order_id.starts_with("320300-20270512-O-"), "{}", order.order_id);
    }

    #[test]
    fn the_next_report_counts_on_and_does_not_tell_the_course_again() {
        let mut first = came(Kind::IncidentReport);
        let Some(Body::IncidentReport(report)) = first.body.as_mut().unwrap().body.as_mut() else { panic!("a report") };
        (report.sequence_no, report.brief_course) = (Some(2), "经过".to_owned());

        let Some(Body::IncidentReport(next)) = again(&first, Action::Update) else { panic!("a report") };

        assert_eq!((next.sequence_no, next.brief_course.as_str()), (Some(3), ""));
        assert_eq!(next.report_type(), v1::ReportType::FollowUp);
    }
}
