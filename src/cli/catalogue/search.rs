//! Resources of every member: what a search found, the nearest first.

use clap::Args;
use model::catalogue::{Readiness, ResourceKind};
use proto::v1;
use serde::Serialize;

use crate::cli::{
    compose::values,
    desk::{Where, within},
    out::{self, Cell, Context, cell, muted, number},
};

/// Long enough for the broker to be asked first.
const SEARCH: std::time::Duration = std::time::Duration::from_secs(20);
/// A record that is worse than this stands out.
const GOOD: u32 = 60;

/// What to look for.
#[derive(Args, Debug)]
#[command(
    after_help = "  liandong catalogue search --kind team --capability 'leak-sealing-pressure>=2MPa' --near 34.63,118.32 --within 80\n  \
                        liandong catalogue search --readiness ready --near 320300 危化品"
)]
pub struct Search {
    /// Words that id, name, class, address or a measure hold
    #[arg(value_name = "TEXT")]
    text: Vec<String>,
    /// What sort; several with commas
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = values::list::<ResourceKind>(), ignore_case = true)]
    kind: Vec<ResourceKind>,
    /// Its class of the supplies standard begins so
    #[arg(long, value_name = "CODE", default_value = "", hide_default_value = true)]
    category: String,
    /// A measure and the least that is wanted, repeatable: 'pump-flow>=1000m3/h'
    #[arg(long, value_name = "MEASURE", value_parser = capability)]
    capability: Vec<v1::Capability>,
    /// At least so capable, 1 being the most
    #[arg(long, value_name = "LEVEL", value_parser = values::up_to(4))]
    type_level: Option<u32>,
    /// Distances from here: a place in degrees, or a member
    #[arg(long, value_name = "LAT,LON|MEMBER", value_parser = near)]
    near: Option<Near>,
    /// At most so many kilometres away
    #[arg(long, value_name = "KM", requires = "near", value_parser = values::up_to(20_000))]
    within: Option<u32>,
    /// How it stands now; several with commas
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = values::list::<Readiness>(), ignore_case = true)]
    readiness: Vec<Readiness>,
    /// Of this member alone; repeatable
    #[arg(long, value_name = "MEMBER")]
    of: Vec<String>,
    /// What its owner no longer stands by as well
    #[arg(long)]
    expired: bool,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = values::up_to(1_000))]
    limit: u32,
    /// Leave out so many of the first, for the next page
    #[arg(long, value_name = "N", default_value_t = 0)]
    skip: u32,
}

/// From where distances are.
#[derive(Clone, Debug)]
enum Near {
    Point(v1::Point),
    Member(String),
}

fn near(text: &str) -> Result<Near, String> {
    let Some((lat, lon)) = text.split_once([',', '，']) else { return Ok(Near::Member(text.trim().to_owned())) };
    let wrong = || "LAT,LON (34.63,118.32) | 320300".to_owned();
    let lat_e7 = values::e7(lat.trim(), 90.0).ok_or_else(wrong)?;
    let lon_e7 = values::e7(lon.trim(), 180.0).ok_or_else(wrong)?;
    Ok(Near::Point(v1::Point { lat_e7, lon_e7 }))
}

/// `pump-flow>=1000m3/h`, `crew≥9`, or a measure alone: it need only be known.
fn capability(text: &str) -> Result<v1::Capability, String> {
    let wrong = || "CODE>=N (pump-flow>=1000m3/h)".to_owned();
    let split = text.split_once(">=").or_else(|| text.split_once('≥'));
    let (code, least) = split.map_or((text, None), |(code, least)| (code, Some(least.trim())));
    let code = code.trim().to_owned();
    if code.is_empty() || code.contains(['<', '>', '=']) {
        return Err(wrong());
    }
    let Some(least) = least else { return Ok(v1::Capability { code, ..v1::Capability::default() }) };
    let digits = least.find(|char: char| !char.is_ascii_digit() && char != '-').unwrap_or(least.len());
    let (amount, unit) = least.split_at_checked(digits).ok_or_else(wrong)?;
    let min = amount.parse().map_err(|_| wrong())?;
    Ok(v1::Capability { code, min: Some(min), max: None, unit: unit.trim().to_owned() })
}

impl Search {
    fn request(self) -> v1::SearchCatalogueRequest {
        let (near, near_member) = match self.near {
            Some(Near::Point(point)) => (Some(point), String::new()),
            Some(Near::Member(member)) => (None, member),
            None => (None, String::new()),
        };
        v1::SearchCatalogueRequest {
            kinds: self.kind.iter().map(|kind| kind.number()).collect(),
            category: self.category,
            needs: self.capability,
            type_level: self.type_level,
            near,
            near_member,
            within_m: self.within.unwrap_or(0) * 1_000,
            readiness: self.readiness.iter().map(|readiness| readiness.number()).collect(),
            owners: self.of,
            text: self.text.join(" "),
            resource_id: String::new(),
            expired_too: self.expired,
            limit: self.limit,
            offset: self.skip,
        }
    }

    /// Shows it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let mut desk = place.client(context.lang).await?;
        let (skip, request) = (self.skip, self.request());
        let found = desk.search_catalogue(within(SEARCH, request)).await?.into_inner();
        let header = [
            ("编号", "ID"),
            ("名称", "NAME"),
            ("种类", "KIND"),
            ("单位", "OWNER"),
            ("状态", "STATE"),
            ("质量", "QUALITY"),
            ("距离", "DISTANCE"),
            ("核实", "VERIFIED"),
            ("电话", "PHONE"),
        ];
        let rows: Vec<Row> = found.resources.iter().map(|seen| Row::of(seen, context)).collect();
        context.rows(&rows, &header, |row| row.cells(context))?;
        said(&found, skip, context);
        Ok(())
    }
}

/// A resource in a list.
#[derive(Serialize)]
pub struct Row {
    pub resource_id: String,
    name: String,
    kind: String,
    pub owner: String,
    readiness: String,
    quality: u32,
    flaws: Vec<String>,
    distance_m: Option<u32>,
    verified_at: Option<String>,
    contact: String,
    phone: String,
    expired: bool,
    /// Kind, state and day of the last look as people read them.
    #[serde(skip)]
    words: [String; 3],
}

impl Row {
    /// As it is seen.
    pub fn of(seen: &v1::ResourceSeen, context: Context) -> Self {
        let record = seen.record.clone().unwrap_or_default();
        let (kind, readiness) = (ResourceKind::from_number(record.kind), Readiness::from_number(seen.readiness));
        let (contact, looked) = (record.contact_24h.unwrap_or_default(), out::full_time(record.last_verified_at));
        let kind_word = kind.map(|kind| context.say(kind.zh(), kind.en())).unwrap_or_default();
        let state_word = readiness.map(|state| context.say(state.zh(), state.name())).unwrap_or_default();
        Self {
            resource_id: record.resource_id,
            name: record.name,
            kind: kind.map(|kind| kind.name().to_owned()).unwrap_or_default(),
            owner: seen.owner.clone(),
            readiness: readiness.map(|state| state.name().to_owned()).unwrap_or_default(),
            quality: seen.quality,
            flaws: seen.flaws.iter().map(|flaw| flaw.name.clone()).collect(),
            distance_m: seen.distance_m,
            verified_at: out::rfc3339(record.last_verified_at),
            contact: contact.name,
            phone: contact.phone,
            expired: seen.expired,
            words: [kind_word, state_word, looked.get(..10).unwrap_or_default()].map(str::to_owned),
        }
    }

    fn cells(&self, context: Context) -> Vec<Cell> {
        let quality = self.quality.to_string();
        let stale = self.flaws.iter().any(|flaw| flaw == "STALE");
        let [kind, state, looked] = &self.words;
        let told = [(stale, "过期未核", "stale"), (self.expired, "已失效", "expired")];
        let told = told.iter().filter(|(is, ..)| *is).map(|(_, zh, en)| context.say(zh, en));
        let verified = std::iter::once(looked.as_str()).chain(told).collect::<Vec<_>>().join(" ");
        vec![
            cell(&self.resource_id),
            cell(&self.name),
            cell(kind),
            cell(&self.owner),
            cell(state),
            if self.quality < GOOD { out::bad(&quality) } else { number(&quality) },
            number(self.distance_m.map(kilometres).unwrap_or_default()),
            muted(&verified),
            cell(&self.phone),
        ]
    }
}

/// Metres as people say distances.
pub fn kilometres(metres: u32) -> String {
    format!("{:.1} km", f64::from(metres) / 1_000.0)
}

/// What is said beside a list: how much of it is shown, how old the copies are, and what to do next.
fn said(found: &v1::SearchCatalogueResponse, skip: u32, context: Context) {
    let shown = u32::try_from(found.resources.len()).unwrap_or(u32::MAX);
    let (all, catalogues) = (found.found, found.catalogues.len());
    context.tell(
        &format!("在 {catalogues} 个目录中找到 {all} 项，列出 {shown} 项。"),
        &format!("{all} found in {catalogues} catalogues, {shown} shown."),
    );
    if found.catalogues.iter().any(|seen| seen.from_cache) {
        let oldest = found.catalogues.iter().filter_map(|seen| seen.as_of).min_by_key(|at| at.seconds);
        let at = out::full_time(oldest);
        context.tell(
            &format!("没有问到中心：以上为本机副本（最早 {at}），可能已有更新。"),
            &format!(
                "The broker was not asked: these are the copies here, the oldest of {at}; there may be newer ones."
            ),
        );
    }
    if skip.saturating_add(shown) < all && shown > 0 {
        let command = format!("liandong catalogue search … --skip {}", skip.saturating_add(shown));
        context.next(&command, "看下一页", "the next page");
    }
    match found.resources.first().and_then(|seen| seen.record.as_ref()) {
        Some(record) => {
            context.next(&format!("liandong catalogue show {}", record.resource_id), "看全部内容", "the whole record");
        }
        None => context.next("liandong catalogue search", "放宽条件再找", "look for less"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measure_is_asked_for_with_its_least_and_its_unit() {
        let asked = |text| {
            let capability = capability(text)?;
            Ok::<_, String>((capability.code, capability.min, capability.unit))
        };
        assert_eq!(asked("pump-flow>=1000m3/h"), Ok(("pump-flow".into(), Some(1_000), "m3/h".into())));
        assert_eq!(asked("depth ≥ -5 m"), Ok(("depth".into(), Some(-5), "m".into())));
        assert_eq!(asked("crew>=9"), Ok(("crew".into(), Some(9), String::new())));
        assert_eq!(asked("crew"), Ok(("crew".into(), None, String::new())));
        for wrong in ["", ">=9", "crew>9", "crew>=", "crew>=many", "crew<=9"] {
            assert!(asked(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn near_is_a_place_or_a_member() {
        assert!(matches!(
            near("34.63, 118.32"),
            Ok(Near::Point(v1::Point { lat_e7: 346_300_000, lon_e7: 1_183_200_000 }))
        ));
        assert!(matches!(near("320300"), Ok(Near::Member(member)) if member == "320300"));
        assert!(near("118.32,34.63").is_err(), "the latitude comes first");
    }
}
