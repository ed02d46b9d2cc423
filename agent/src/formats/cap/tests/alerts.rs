//! Alerts of any shape that the standard allows, made by chance.

use model::time::Timestamp;
use proptest::{collection::vec, option, prelude::*};
use proto::v1;

use crate::formats::cap::value;

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9@._:-]{1,20}"
}

/// Text that is more than white space, with what XML must escape and what it may hold.
fn text() -> impl Strategy<Value = String> {
    "[ a-z\u{4e00}-\u{4e20}<>&\"'\\]\r\n\t\u{1f300}]{0,30}x"
}

fn perhaps<S: Strategy<Value = String>>(some: S) -> impl Strategy<Value = String> {
    option::of(some).prop_map(Option::unwrap_or_default)
}

/// A moment within a year after `SENT`, at any offset.
fn later() -> impl Strategy<Value = String> {
    (1..31_000_000_i64, -56..=56_i32)
        .prop_map(|(s, quarters)| value::written(Timestamp::from_millis(SENT_MS + s * 1_000), quarters * 15))
}

const SENT_MS: i64 = 1_800_000_000_000;

fn point() -> impl Strategy<Value = v1::Point> {
    (-900_000_000..=900_000_000, -1_800_000_000..=1_800_000_000)
        .prop_map(|(lat_e7, lon_e7)| v1::Point { lat_e7, lon_e7 })
}

/// A polygon with its points on a circle around its middle: it never crosses itself.
fn polygon() -> impl Strategy<Value = v1::CapPolygon> {
    (3..40_u32, -80..80_i32, -170..170_i32, 1..5_000_000_i32).prop_map(|(corners, lat, lon, radius)| {
        let corner = |n: u32| {
            let angle = std::f64::consts::TAU * f64::from(n) / f64::from(corners);
            let along = |by: f64| (f64::from(radius + 100) * by) as i32;
            v1::Point { lat_e7: lat * 10_000_000 + along(angle.sin()), lon_e7: lon * 10_000_000 + along(angle.cos()) }
        };
        let mut points: Vec<_> = (0..corners).map(corner).collect();
        points.push(points[0]);
        v1::CapPolygon { points }
    })
}

fn circle() -> impl Strategy<Value = v1::CapCircle> {
    (point(), 0..20_100_000_u32).prop_map(|(center, m)| v1::CapCircle { center: Some(center), radius_m: Some(m) })
}

fn named_values() -> impl Strategy<Value = Vec<v1::CapNamedValue>> {
    let one = (token(), perhaps(text())).prop_map(|(value_name, value)| v1::CapNamedValue { value_name, value });
    vec(one, 0..4)
}

fn area() -> impl Strategy<Value = v1::CapArea> {
    let heights = option::of((0..9_999_u32, 0..9_999_u32));
    (text(), vec(polygon(), 0..3), vec(circle(), 0..3), named_values(), heights).prop_map(
        |(description, polygons, circles, geocodes, heights)| v1::CapArea {
            description,
            polygons,
            circles,
            geocodes,
            altitude: heights.map(|(low, _)| low.to_string()).unwrap_or_default(),
            ceiling: heights.map(|(low, more)| format!("{}.5", low + more)).unwrap_or_default(),
        },
    )
}

fn resource() -> impl Strategy<Value = v1::CapResource> {
    (text(), option::of(any::<u64>()), prop::sample::select(vec!["", "iVBORw==", "aGkh"]), perhaps(token())).prop_map(
        |(description, size, inside, digest)| v1::CapResource {
            description,
            mime_type: "image/png".into(),
            size,
            uri: if inside.is_empty() { "https://a.example.cn/x" } else { "x.png" }.into(),
            deref_uri: inside.into(),
            digest,
        },
    )
}

fn some_of(most: i32) -> impl Strategy<Value = Vec<i32>> {
    vec(1..=most, 1..4)
}

fn info() -> impl Strategy<Value = v1::CapInfo> {
    let codes = (some_of(12), some_of(9), 1..=5_i32, 1..=5_i32, 1..=5_i32);
    let times = (perhaps(Just("2027-01-15T16:00:00+08:00".to_owned())), perhaps(later()), perhaps(later()));
    let texts = [0, 1, 2, 3, 4, 5].map(|_| perhaps(text()));
    let lists = (named_values(), named_values(), vec(resource(), 0..3), vec(area(), 0..3));
    (codes, times, text(), texts, lists).prop_map(|(codes, (effective, onset, expires), event, texts, lists)| {
        let [audience, sender_name, headline, description, instruction, contact] = texts;
        let (event_codes, parameters, resources, areas) = lists;
        v1::CapInfo {
            language: "zh-CN".into(),
            categories: codes.0,
            event,
            response_types: codes.1,
            urgency: codes.2,
            severity: codes.3,
            certainty: codes.4,
            audience,
            event_codes,
            effective,
            onset,
            expires,
            sender_name,
            headline,
            description,
            instruction,
            web: String::new(),
            contact,
            parameters,
            resources,
            areas,
        }
    })
}

/// An alert that breaks no rule that refuses.
pub fn alert() -> impl Strategy<Value = v1::CapAlert> {
    let named = (token(), token()).prop_map(|(sender, identifier)| v1::CapReference {
        sender: format!("{sender}+"),
        identifier,
        sent: "2027-01-14T16:00:00-00:00".into(),
    });
    let lists = (vec(token(), 0..3), vec(text(), 0..3), vec(named, 1..4), vec(token(), 0..3));
    let words = (1..=4_i32, 1..=5_i32, 1..=3_i32);
    (token(), token(), words, [0, 1].map(|_| perhaps(text())), lists, vec(info(), 0..3)).prop_map(
        |(identifier, sender, (status, message_type, scope), [source, note], lists, infos)| {
            let (addresses, codes, references, incidents) = lists;
            v1::CapAlert {
                version_read: "1.2".into(),
                identifier,
                sender,
                sent: value::written(Timestamp::from_millis(SENT_MS), 480),
                status,
                message_type,
                source,
                scope,
                restriction: if scope == 2 { "内部".into() } else { String::new() },
                addresses,
                codes,
                note,
                references,
                incidents,
                infos,
                signature: v1::CapSignature::Absent.into(),
            }
        },
    )
}
