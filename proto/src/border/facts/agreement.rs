//! K54: what the machine of an agreement needs of its body.

use std::time::Duration;

use model::{
    deadline::DeadlineName,
    ids::Digest,
    invalid::Invalid,
    level::EventLevel,
    thread::{
        self,
        agreement::{Facts, Override, Said, Standing, Terms, Word},
    },
};
use prost::Message as _;

use super::pieces::{counted, day, listed};
use crate::{
    border::{must, parsed, said},
    v1,
};

/// K54. What its author says has terms, what a party says a reply; a CANCEL may have neither.
pub fn agreement(body: &v1::Agreement) -> Result<thread::Facts, Invalid> {
    let said = match (&body.reply, &body.terms) {
        (Some(reply), _) => Said::Reply(must(reply.answer, Word::from_number, "reply.answer")?),
        (None, Some(put_up)) => Said::Terms(
            must(body.standing, Standing::from_number, "standing")?,
            terms(put_up).map_err(|invalid| invalid.within("terms"))?,
        ),
        (None, None) => Said::Nothing,
    };
    Ok(thread::Facts::Agreement(Facts { agreement_id: parsed(&body.agreement_id, "agreement_id")?, said }))
}

fn terms(body: &v1::AgreementTerms) -> Result<Terms, Invalid> {
    Ok(Terms {
        substance: Digest::of(&body.encode_to_vec()),
        parties: listed("parties", &body.parties, |party| parsed(party, ""))?.into_iter().collect(),
        valid_from: day(&body.valid_from, "valid_from")?,
        valid_to: day(&body.valid_to, "valid_to")?,
        overrides: listed("deadline_overrides", &body.deadline_overrides, |one| {
            let v1::DeadlineOverride { deadline, level, minutes } = one;
            Ok(Override {
                deadline: must(*deadline, DeadlineName::from_number, "deadline")?,
                level: said(*level, EventLevel::from_number, "level")?,
                within: Duration::from_mins(counted(*minutes, "minutes")?.into()),
            })
        })?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn put_up() -> v1::Agreement {
        let one = v1::DeadlineOverride { deadline: 10, level: v1::EventLevel::L3.into(), minutes: 90 };
        let terms = v1::AgreementTerms {
            parties: vec!["371300".into(), "320300".into()],
            valid_from: "2027-01-01".into(),
            valid_to: "2029-12-31".into(),
            deadline_overrides: vec![one, v1::DeadlineOverride { level: 0, ..one }],
            ..v1::AgreementTerms::default()
        };
        v1::Agreement {
            agreement_id: "AG-1".into(),
            terms: Some(terms),
            standing: v1::AgreementStanding::Proposed.into(),
            reply: None,
        }
    }

    fn read(body: &v1::Agreement) -> Said {
        let thread::Facts::Agreement(facts) = agreement(body).unwrap() else { unreachable!() };
        assert_eq!(facts.agreement_id.as_str(), "AG-1");
        facts.said
    }

    #[test]
    fn terms_say_who_when_and_which_deadlines() {
        let Said::Terms(Standing::Proposed, terms) = read(&put_up()) else { unreachable!() };
        assert_eq!(terms.parties.len(), 2);
        assert_eq!((terms.valid_from.date_number(), terms.valid_to.date_number()), (20_270_101, 20_291_231));
        let [at_l3, always] = terms.overrides[..] else { unreachable!() };
        assert_eq!((at_l3.deadline, at_l3.level), (DeadlineName::D10, Some(EventLevel::L3)));
        assert_eq!((always.level, always.within), (None, Duration::from_mins(90)));
    }

    #[test]
    fn other_terms_have_another_digest_and_another_standing_has_not() {
        let digest = |body: &v1::Agreement| match read(body) {
            Said::Terms(_, terms) => terms.substance,
            Said::Reply(_) | Said::Nothing => unreachable!(),
        };
        let suspended = v1::Agreement { standing: v1::AgreementStanding::Suspended.into(), ..put_up() };
        assert_eq!(digest(&suspended), digest(&put_up()));
        let mut other = put_up();
        other.terms.as_mut().unwrap().cost_rule = "各自承担".into();
        assert_ne!(digest(&other), digest(&put_up()));
    }

    #[test]
    fn a_party_answers_and_a_cancellation_says_nothing() {
        let reply = v1::AgreementReply { answer: v1::AgreementAnswer::Signed.into(), reason: String::new() };
        let answered = v1::Agreement { terms: None, standing: 0, reply: Some(reply), ..put_up() };
        assert_eq!(read(&answered), Said::Reply(Word::Signed));
        assert_eq!(read(&v1::Agreement { terms: None, standing: 0, ..put_up() }), Said::Nothing);
    }

    #[test]
    fn what_is_broken_is_named_by_its_place() {
        let field = |change: &dyn Fn(&mut v1::AgreementTerms)| {
            let mut body = put_up();
            change(body.terms.as_mut().unwrap());
            agreement(&body).unwrap_err().field
        };
        assert_eq!(field(&|terms| terms.parties[1].clear()), "terms.parties[1]");
        assert_eq!(field(&|terms| terms.valid_from = "2027-13-01".into()), "terms.valid_from");
        assert_eq!(field(&|terms| terms.valid_to.clear()), "terms.valid_to");
        assert_eq!(field(&|terms| terms.deadline_overrides[1].deadline = 99), "terms.deadline_overrides[1].deadline");
        assert_eq!(field(&|terms| terms.deadline_overrides[0].minutes = 0), "terms.deadline_overrides[0].minutes");
        assert_eq!(agreement(&v1::Agreement { standing: 0, ..put_up() }).unwrap_err().field, "standing");
    }
}
