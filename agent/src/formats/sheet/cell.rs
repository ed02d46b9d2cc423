//! What stands in one cell: texts that a program would take for a formula, and times as people write them.

use model::{thread::duty::REGION_OFFSET_MIN, time::Civil};

/// Whether a program would run a text that begins so: the signs of formulas, in both widths, and what leads to one.
fn is_sign(char: char) -> bool {
    matches!(char, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '\t' | '\r' | '\n' | '|' | '%')
}

/// The text as it may stand in a file: an apostrophe before what a program would run, and before what looks as if we had
/// put one there. A number is run by nobody.
pub fn harmless(text: &str) -> String {
    let mut chars = text.chars();
    let (first, second) = (chars.next(), chars.next());
    let runs = first.is_some_and(is_sign) && text.parse::<i64>().is_err();
    let ours = first == Some('\'') && second.is_some_and(|char| is_sign(char) || char == '\'');
    if runs || ours { format!("'{text}") } else { text.to_owned() }
}

/// The text without the apostrophe of [`harmless`].
pub fn bare(text: &str) -> String {
    let inner = text.strip_prefix('\'').filter(|rest| rest.starts_with(|char| is_sign(char) || char == '\''));
    inner.unwrap_or(text).to_owned()
}

/// The first character that changes the direction of what is read: nobody sees it, and it makes a text look like another.
pub fn turning(text: &str) -> Option<char> {
    let turns = |char: &char| matches!(char, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().find(turns)
}

/// Which moment a day alone means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Day {
    /// Its beginning.
    Begins,
    /// Its end.
    Ends,
}

/// A time of the region's clock, as `2026-12-03`, `2026/12/3 8:40` or `2026-12-03 08:40:15`, in the way the contract
/// writes times; none where it is written otherwise.
pub fn local_time(text: &str, day: Day) -> Option<String> {
    let (date, time) =
        text.trim().split_once([' ', 'T']).map_or((text.trim(), None), |(date, time)| (date, Some(time)));
    let date = civil_date(date)?;
    let (hour, minute, second) = match (time, day) {
        (Some(time), _) => clock(time.trim())?,
        (None, Day::Begins) => (0, 0, 0),
        (None, Day::Ends) => (23, 59, 59),
    };
    let ms_of_day = ((u32::from(hour) * 60 + u32::from(minute)) * 60 + u32::from(second)) * 1_000;
    Some(Civil { ms_of_day, ..date }.timestamp(REGION_OFFSET_MIN).rfc3339())
}

fn civil_date(text: &str) -> Option<Civil> {
    let parts: Vec<&str> = text.split(['-', '/', '.']).collect();
    let [year, month, day] = parts.as_slice() else { return None };
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    if year.len() != 4 {
        return None;
    }
    Civil::date(number(year)?, u8::try_from(number(month)?).ok()?, u8::try_from(number(day)?).ok()?)
}

fn clock(text: &str) -> Option<(u8, u8, u8)> {
    let parts: Vec<&str> = text.split(':').collect();
    let (hour, minute, second) = match parts.as_slice() {
        [hour, minute] => (hour, minute, &"0"),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    let number = |text: &str, most: u8| text.parse::<u8>().ok().filter(|number| *number <= most);
    Some((number(hour, 23)?, number(minute, 59)?, number(second, 59)?))
}

/// A time of the contract (`2026-12-03T00:40:00Z`) by the region's clock, with its offset: programs leave it as it is.
/// What is no such time stays as it stands.
pub fn shown_time(text: &str) -> String {
    let moment = text.strip_suffix('Z').and_then(|text| text.split_once('T'));
    let read = moment.and_then(|(date, time)| {
        let (whole, part) = time.split_once('.').unwrap_or((time, ""));
        let (hour, minute, second) = clock(whole)?;
        let ms = format!("{part:0<3}").get(..3)?.parse::<u32>().ok().filter(|_| part.len() <= 3)?;
        let ms_of_day = ((u32::from(hour) * 60 + u32::from(minute)) * 60 + u32::from(second)) * 1_000 + ms;
        Some(Civil { ms_of_day, ..civil_date(date)? }.timestamp(0))
    });
    let Some(at) = read else { return text.to_owned() };
    let local = at.civil(REGION_OFFSET_MIN).to_string().replace(' ', "T");
    let local = local.strip_suffix(".000").unwrap_or(&local);
    format!("{local}+{:02}:{:02}", REGION_OFFSET_MIN / 60, REGION_OFFSET_MIN % 60)
}
