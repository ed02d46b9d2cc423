//! Files that want to do harm, and files that were bitten by chance. Nothing panics, nothing takes long, and what is held
//! stays within a few times the file.

use std::fmt::Write as _;

use super::*;
use crate::formats::cap::{FILE_BYTES_MAX, findings::FINDINGS_MAX, xml};

/// Files that are bitten: `LIANDONG_CAP_BITES`, else 2,000.
fn bites() -> u64 {
    std::env::var("LIANDONG_CAP_BITES").ok().and_then(|bites| bites.parse().ok()).unwrap_or(2_000)
}

/// Chance that can be had again (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % end.max(1) as u64).unwrap()
    }
}

/// Pieces that mean something to whoever reads XML or CAP.
const PIECES: [&str; 24] = [
    "<",
    ">",
    "&",
    "&#0;",
    "&#x10ffff;",
    "&amp;",
    "]]>",
    "<![CDATA[",
    "<!--",
    "-->",
    "<?x",
    "<!DOCTYPE a>",
    "\u{feff}",
    "xmlns=\"\"",
    "<alert>",
    "</alert>",
    "</info>",
    "<info/>",
    "99999999999999999999",
    "-",
    ",",
    "\"",
    "1e9",
    "\u{0}",
];

fn bite(text: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.below(text.len());
    let until = (at + dice.below(40)).min(text.len());
    match dice.below(6) {
        0 => text[at] = u8::try_from(dice.below(256)).unwrap(),
        1 => drop(text.drain(at..until)),
        2 => drop(text.splice(at..at, PIECES[dice.below(PIECES.len())].bytes())),
        3 => {
            let copy = text[at..until].to_vec();
            let to = dice.below(text.len());
            drop(text.splice(to..to, copy));
        }
        4 => text.truncate(at),
        _ => text[at..until].reverse(),
    }
    if text.is_empty() {
        text.push(b'<');
    }
}

#[test]
fn a_bitten_file_is_refused_or_read_and_nothing_panics() {
    let mut dice = Dice(1);
    let (mut taken, count) = (0_u64, bites());
    for _ in 0..count {
        let mut bytes = FLOOD.as_bytes().to_vec();
        for _ in 0..=dice.below(3) {
            bite(&mut bytes, &mut dice);
        }
        let reading = read(&bytes).unwrap();
        assert_eq!(reading.alert.is_none(), reading.findings.iter().any(|one| one.rule.level() == Level::Refuse));
        taken += u64::from(reading.alert.is_some());
    }
    println!("{count} bitten files, {taken} taken");
    assert!(taken > 0 && taken < count);
}

/// Fills a file up to the limit with what `piece` gives.
fn filled(head: &str, piece: impl Fn(usize) -> String, tail: &str) -> String {
    let mut text = head.to_owned();
    let mut n = 0;
    loop {
        let next = piece(n);
        if text.len() + next.len() + tail.len() > FILE_BYTES_MAX {
            text.push_str(tail);
            return text;
        }
        text.push_str(&next);
        n += 1;
    }
}

fn split_at(mark: &str) -> (&str, &str) {
    FLOOD.split_once(mark).unwrap()
}

/// A file of 4 MiB and the rule that it breaks.
type Hostile = (&'static str, fn() -> String, &'static str);

const ALERT: &str = "<alert xmlns='urn:oasis:names:tc:emergency:cap:1.2'>";

const FOUR_MIB: [Hostile; 10] = [
    ("a comb of a polygon", comb, "C07"),
    ("deep", || filled("", |_| "<a>".to_owned(), ""), "XSD"),
    ("wide", || filled(ALERT, |_| "<a/>".to_owned(), "</alert>"), "XSD"),
    ("namespaces", || filled("<alert ", |n| format!("xmlns:a{n}='b' "), "></alert>"), "XSD"),
    ("attributes", || filled("<alert ", |n| format!("a{n}='b' "), "></alert>"), "XSD"),
    ("codes", || filled(split_at("<code>").0, |_| "<code>x</code>".to_owned(), "</alert>"), "XSD"),
    ("references", || filled(split_at("371300@linyi,").0, |_| ", ".to_owned(), split_at("<references>").1), "C02"),
    ("a name", || filled("<", |_| "a".to_owned(), "/>"), "XSD"),
    ("a remark without end", || filled("<!--", |_| "-".to_owned(), ""), "XSD"),
    (
        "bad pairs",
        || filled(split_at("34.4,").0, |_| "1 ".to_owned(), &format!("</{}", split_at("34.4,118.15</").1)),
        "C06",
    ),
];

/// Long teeth above each other: each pair of them has to be compared.
fn comb() -> String {
    let tooth = |n: usize| {
        let n = f64::from(u32::try_from(n).unwrap());
        let (low, high) = (30.0 + n * 0.000_02, 30.0 + (n + 0.5) * 0.000_02);
        format!("{low:.6},100 {low:.6},120 {high:.6},120 {high:.6},100 ")
    };
    let (before, after) = (split_at("34.4,").0, split_at("118.15</").1);
    filled(before, tooth, &format!("50,99 30,99 30.000000,100</{after}"))
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how long it takes is what is tested")]
fn a_hostile_file_of_four_mib_is_answered_soon_and_holds_little() {
    let before = held_kib();
    for (name, make, rule) in FOUR_MIB {
        let text = make();
        assert!(text.len() <= FILE_BYTES_MAX && text.len() > FILE_BYTES_MAX / 2, "{name} has {} bytes", text.len());
        let begun = std::time::Instant::now();
        let reading = read(text.as_bytes()).unwrap();
        let took = begun.elapsed();
        println!(
            "{name}: {took:?}, {} findings, {} KiB more than at the start",
            reading.findings.len(),
            held_kib() - before
        );
        assert!(broken(&reading).contains(&rule), "{name}: {:?}", reading.findings.first());
        assert!(reading.findings.len() <= FINDINGS_MAX + 40, "{name}");
        assert!(took.as_secs() < 20, "{name} took {took:?} in a program that is not optimised");
    }
    // the file itself is among it
    assert!(held_kib() - before < 64 * 1024, "{} KiB", held_kib() - before);
}

/// The most memory that this process ever held; 0 where the system does not tell.
fn held_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

#[test]
fn a_file_beyond_the_limit_is_not_looked_at() {
    let invalid = read(&vec![b' '; FILE_BYTES_MAX + 1]).unwrap_err();
    assert_eq!((invalid.reason.name(), invalid.field.as_str()), ("TOO_LARGE", "file"));
}

#[test]
fn a_polygon_of_many_thousand_points_is_read() {
    let mut points = String::new();
    for n in 0..20_000_u32 {
        let angle = f64::from(n) * std::f64::consts::TAU / 20_000.0;
        write!(points, "{:.7},{:.7} ", 35.0 + angle.sin(), 118.0 + angle.cos()).unwrap();
    }
    let first = points.split(' ').next().unwrap().to_owned();
    let text = changed("34.4,118.15 34.4,118.6 34.75,118.6 34.75,118.15 34.4,118.15", &format!("{points}{first}"));
    let alert = reading(&text).alert.unwrap();
    assert_eq!(alert.infos[0].areas[0].polygons[0].points.len(), 20_001);
}

#[test]
fn no_file_is_deeper_or_wider_than_the_limits() {
    let deep = format!("{}{}", "<a>".repeat(xml::DEPTH_MAX + 1), "</a>".repeat(xml::DEPTH_MAX + 1));
    assert!(reading(&deep).findings[0].detail.contains("65536 elements, or 32"));
    let signature = format!("<S xmlns='http://www.w3.org/2000/09/xmldsig#'>{deep}</S></alert>");
    assert_eq!(broken(&reading(&FLOOD.replace("</alert>", &signature))), ["XSD"]);
}
