//! What is typed stays, is read where it can be, and leaves as the contract wants it.

use model::{kind::Kind, time::Timestamp};
use proto::status::Lang;
use proto::v1::body::Body;

use super::{pieces::Showing, *};

fn contract(kind: Kind, action: Action) -> Contract {
    Contract::of(kind, action, 480)
}

fn empty(contract: &Contract) -> Sheet {
    Sheet::of(json!({}), contract)
}

#[test]
fn what_cannot_be_read_is_kept_as_typed_and_does_not_leave() {
    let contract = contract(Kind::ResourceRequest, Action::Originate);
    let mut sheet = empty(&contract);
    sheet.put(&contract, "body.needed_for_hours", &["12"]);
    sheet.put(&contract, "body.needed_for_hours", &["twelve"]);
    sheet.put(&contract, "body.effect_wanted", &["堵漏"]);

    assert_eq!(sheet.text(&contract, "body.needed_for_hours"), "twelve");
    let faults = sheet.unread(&contract);
    assert_eq!(faults.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), ["body.needed_for_hours"]);
    let Some(Body::ResourceRequest(body)) = sheet.draft(&contract).unwrap().body.unwrap().body else { panic!() };
    assert_eq!((body.effect_wanted.as_str(), body.needed_for_hours), ("堵漏", 0));

    sheet.put(&contract, "body.needed_for_hours", &["6"]);
    assert!(sheet.unread(&contract).is_empty());
    sheet.put(&contract, "body.effect_wanted", &["  "]);
    assert!(!sheet.has(&contract, "body.effect_wanted"));
}

#[test]
fn times_are_typed_by_the_clock_of_the_desk() {
    let contract = contract(Kind::ResourceRequest, Action::Originate);
    let mut sheet = empty(&contract);
    sheet.put(&contract, "body.needed_by", &["2027-05-12T09:00"]);

    let Some(Body::ResourceRequest(body)) = sheet.draft(&contract).unwrap().body.unwrap().body else { panic!() };
    let at = Timestamp::from_millis(1_810_083_600_000);
    assert_eq!(body.needed_by, Some(proto::border::time::to_wire(at)));
    assert_eq!(sheet.text(&contract, "body.needed_by"), "2027-05-12T09:00");
}

#[test]
fn entries_are_numbered_added_and_taken_out_and_what_stands_behind_moves_up() {
    let contract = contract(Kind::ResourceRequest, Action::Originate);
    let mut sheet = empty(&contract);
    sheet.add(&contract, "body.items");
    sheet.put(&contract, "body.items[0].quantity", &["2"]);
    sheet.put(&contract, "body.items[1].quantity", &["many"]);
    sheet.put(&contract, "body.items[1].unit", &["辆"]);

    sheet.remove(&contract, "body.items[0]");

    assert_eq!(sheet.text(&contract, "body.items[0].quantity"), "many");
    assert_eq!(sheet.text(&contract, "body.items[0].unit"), "辆");
    assert_eq!(sheet.text(&contract, "body.items[0].item_no"), "2", "a number stays what it was");
    assert_eq!(sheet.entries(&contract, "body.items"), 1);
}

#[test]
fn of_several_parts_one_is_chosen_and_stays_though_it_is_empty() {
    let contract = contract(Kind::Extension, Action::Reply);
    let mut sheet = empty(&contract);
    sheet.pick(&contract, "body.request");
    sheet.put(&contract, "body.request.reason", &["还需两小时"]);
    sheet.pick(&contract, "body.response");

    assert!(!sheet.is_there(&contract, "body.request") && sheet.is_there(&contract, "body.response"));
    let Some(Body::Extension(body)) = sheet.draft(&contract).unwrap().body.unwrap().body else { panic!() };
    assert!(matches!(body.part, Some(v1::extension::Part::Response(_))));
}

#[test]
fn points_and_money_are_typed_in_one_line_and_lists_line_by_line() {
    let contract = contract(Kind::ResourceOffer, Action::Originate);
    let mut sheet = empty(&contract);
    for (path, text) in
        [("cost_estimate.amount", "12000.5"), ("resource_ids", "A-1、A-2\nA-3"), ("description", "一队")]
    {
        sheet.put(&contract, &format!("body.lines[0].{path}"), &[text]);
    }

    let Some(Body::ResourceOffer(body)) = sheet.draft(&contract).unwrap().body.unwrap().body else { panic!() };
    assert_eq!(body.lines[0].resource_ids, ["A-1", "A-2", "A-3"]);
    assert_eq!(body.lines[0].cost_estimate.as_ref().unwrap().amount.unwrap().fen, Some(1_200_050));
    let again = Sheet::of(rules::draft_to_json(&sheet.draft(&contract).unwrap()), &contract);
    assert_eq!(again.text(&contract, "body.lines[0].cost_estimate.amount"), "12000.5");
    assert_eq!(again.text(&contract, "body.lines[0].resource_ids"), "A-1\nA-2\nA-3");
}

#[test]
fn of_every_kind_the_example_stands_on_its_sheet_and_leaves_as_it_came() {
    let now = Timestamp::from_millis(1_810_083_600_000);
    for known in rules::kinds() {
        let draft = rules::example(known.kind, Lang::Zh, now);
        let contract = contract(known.kind, Action::Originate);
        let sheet = Sheet::of(rules::draft_to_json(&draft), &contract);
        let again = sheet.draft(&contract).unwrap_or_else(|fault| panic!("{}: {fault}", known.en));
        assert_eq!(again.body, draft.body, "{}", known.en);

        // typed anew, field by field, it is the same
        let showing =
            Showing { contract: &contract, lang: Lang::En, faults: &BTreeMap::new(), suggested: &Suggested::new() };
        let mut typed = sheet.clone();
        for piece in sheet.pieces(&showing) {
            if let Piece::Field(field) = piece {
                typed.put(&contract, &field.path, &[""]);
                typed.put(&contract, &field.path, &[&field.text]);
            }
        }
        assert!(typed.unread(&contract).is_empty(), "{}: {:?}", known.en, typed.unread(&contract));
    }
}

#[test]
fn what_must_be_there_comes_first_and_the_rest_is_folded() {
    let contract = contract(Kind::Bulletin, Action::Originate);
    let showing =
        Showing { contract: &contract, lang: Lang::Zh, faults: &BTreeMap::new(), suggested: &Suggested::new() };
    let (mut depth, mut folded) = (0, false);
    for piece in empty(&contract).pieces(&showing) {
        match piece {
            Piece::Open(_) => depth += 1,
            Piece::Close => depth -= 1,
            Piece::Fold(open) if depth == 0 => folded = !open,
            Piece::Field(field) if depth == 0 => {
                assert_eq!(!folded, field.required, "{}", field.path);
            }
            _ => {}
        }
    }
    assert!(folded, "something may stay empty");
}

#[test]
fn what_must_be_there_in_some_case_alone_comes_first_in_that_case() {
    let contract = contract(Kind::ResourceOffer, Action::Reply);
    let mut sheet = empty(&contract);
    sheet.begin(&contract);
    let first = |sheet: &Sheet| {
        let showing =
            Showing { contract: &contract, lang: Lang::Zh, faults: &BTreeMap::new(), suggested: &Suggested::new() };
        let pieces = sheet.pieces(&showing);
        let until = pieces.iter().position(|piece| matches!(piece, Piece::Fold(_))).unwrap();
        let fields = pieces.into_iter().take(until).filter_map(|piece| match piece {
            Piece::Field(field) => Some((field.path.clone(), field.leads)),
            _ => None,
        });
        fields.collect::<BTreeMap<_, _>>()
    };
    assert_eq!(first(&sheet).get("body.lines[0].answer"), Some(&true), "others follow from it");
    assert!(!first(&sheet).contains_key("body.lines[0].reason"));
    sheet.put(&contract, "body.lines[0].answer", &["DECLINE"]);
    assert!(first(&sheet).contains_key("body.lines[0].reason"));
    assert!(!first(&sheet).contains_key("body.lines[0].eta"));
}

#[test]
fn a_sheet_keeps_no_more_than_it_has_room_for() {
    let contract = contract(Kind::ResourceRequest, Action::Originate);
    let list =
        contract.below("body").into_iter().find(|field| field.repeated && field.path.starts_with("items")).unwrap();
    assert!(contract.is_group("body.items", list));
    let number = contract.below("body.items[0]").into_iter().find(|field| field.path.ends_with("quantity")).unwrap();
    let name = super::contract::name(number);
    let mut sheet = empty(&contract);
    for at in ["64", "70", "100000000", "x", ""] {
        sheet.put(&contract, &format!("body.items[{at}].{name}"), &["many"]);
    }
    assert!(sheet.unread(&contract).is_empty());
    for at in 0..64 {
        sheet.put(&contract, &format!("body.items[{at}].{name}"), &["many"]);
    }
    assert_eq!(sheet.unread(&contract).len(), 64, "each is named where it stands");
}
