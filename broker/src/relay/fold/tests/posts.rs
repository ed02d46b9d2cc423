//! Posts become vacant and are filled again: one row while it lasts, and one notice for each end of it.

use model::{ids::JurisdictionId, role::Role};
use proptest::prelude::*;
use prost::Message as _;
use proto::{
    record::{NoticeRow, PostTurned, VacancyRow, kind},
    v1::DeadlineEvent,
};

use super::{
    super::keys,
    exchange::{Exchange, HOUR, LINYI, NOON, XUZHOU},
};

impl Exchange {
    fn turned(&mut self, whose: &str, role: Role, vacant: bool, at: i64) {
        let role = role.number().unsigned_abs();
        self.fold(kind::POST_TURNED, &PostTurned { jurisdiction: whose.to_owned(), role, vacant, at });
    }

    /// Whose posts are vacant, and since when.
    fn vacancies(&mut self) -> Vec<(String, Role, i64)> {
        let prefix = [keys::table::VACANCY];
        let rows = self.read(|_, rows| rows.scan(&prefix, &prefix, 100)).unwrap();
        let vacancy = |(key, row): &(bytes::Bytes, bytes::Bytes)| {
            let (whose, role) = keys::vacancy_parts(key).unwrap();
            (whose.to_string(), role, VacancyRow::decode(row.clone()).unwrap().since)
        };
        rows.iter().map(vacancy).collect()
    }

    /// What is owed to be told of posts: whose, which, since when, and its end.
    fn told_of_posts(&mut self) -> Vec<(String, u32, i64, i64)> {
        let prefix = [keys::table::NOTICE];
        let rows = self.read(|_, rows| rows.scan(&prefix, &prefix, 1_000)).unwrap();
        let notices = rows.iter().map(|(_, row)| NoticeRow::decode(&row[..]).unwrap());
        let of_posts = notices.filter(|notice| notice.what() == DeadlineEvent::NobodyOnDuty);
        let mut told: Vec<_> = of_posts.map(|row| (row.jurisdiction, row.role, row.due_at, row.met_at)).collect();
        told.sort();
        told
    }
}

#[test]
fn a_vacancy_is_told_at_its_beginning_and_at_its_end() {
    let mut exchange = Exchange::new();
    exchange.now = NOON + 300;
    exchange.turned(LINYI, Role::DutyOfficer, true, NOON);
    exchange.turned(LINYI, Role::DutyOfficer, true, NOON + 100);
    assert_eq!(exchange.vacancies(), [(LINYI.to_owned(), Role::DutyOfficer, NOON)], "since it was first seen");
    assert_eq!(exchange.told_of_posts(), [(LINYI.to_owned(), 1, NOON, 0)]);

    exchange.now = NOON + HOUR;
    exchange.turned(LINYI, Role::DutyOfficer, false, NOON + HOUR);
    exchange.turned(LINYI, Role::DutyOfficer, false, NOON + HOUR);
    assert_eq!(exchange.vacancies(), []);
    assert_eq!(exchange.told_of_posts(), [(LINYI.to_owned(), 1, NOON, 0), (LINYI.to_owned(), 1, NOON, NOON + HOUR)]);
    exchange.replay();
}

#[test]
fn a_post_that_is_filled_and_was_not_vacant_is_no_news() {
    let mut exchange = Exchange::new();
    exchange.turned(XUZHOU, Role::ShiftLeader, false, NOON);
    exchange.turned("nobody at all", Role::ShiftLeader, true, NOON);
    let unknown = PostTurned { jurisdiction: LINYI.to_owned(), role: 99, vacant: true, at: NOON };
    exchange.fold(kind::POST_TURNED, &unknown);
    assert_eq!((exchange.vacancies(), exchange.told_of_posts()), (vec![], vec![]));
}

#[test]
fn an_end_is_never_before_its_beginning() {
    let mut exchange = Exchange::new();
    exchange.turned(LINYI, Role::DutyOfficer, true, NOON);
    exchange.turned(LINYI, Role::DutyOfficer, false, NOON - HOUR);
    assert_eq!(exchange.told_of_posts().last().unwrap().3, NOON);
}

proptest! {
    #[test]
    fn whatever_turns_in_whatever_order_each_vacancy_has_one_beginning_and_at_most_one_end(
        turns in prop::collection::vec((0..2_usize, any::<bool>(), any::<bool>()), 1..40)
    ) {
        let mut exchange = Exchange::new();
        let mut vacant = std::collections::BTreeSet::new();
        let (mut begun, mut ended) = (0, 0);
        for (whose, led, is_vacant) in turns {
            let (whose, role) = ([LINYI, XUZHOU][whose], if led { Role::ShiftLeader } else { Role::DutyOfficer });
            exchange.now += HOUR;
            let now = exchange.now;
            exchange.turned(whose, role, is_vacant, now);
            if is_vacant { begun += usize::from(vacant.insert((whose, role))) } else { ended += usize::from(vacant.remove(&(whose, role))) }
        }
        let told = exchange.told_of_posts();
        prop_assert_eq!(told.iter().filter(|(.., end)| *end == 0).count(), begun);
        prop_assert_eq!(told.iter().filter(|(.., end)| *end != 0).count(), ended);
        prop_assert_eq!(exchange.vacancies().len(), vacant.len());
        exchange.replay();
    }
}

#[test]
fn a_vacancys_key_leads_back_to_its_parts() {
    let whose: JurisdictionId = LINYI.parse().unwrap();
    let key = keys::vacancy(&whose, Role::ShiftLeader);
    assert_eq!(keys::vacancy_parts(&key), Some((whose, Role::ShiftLeader)));
    assert_eq!(keys::vacancy_parts(&key[..key.len() - 1]), None);
}
