//! What a search finds in the catalogues known here: brought up to date from the broker, or as the copies say.

use std::collections::BTreeSet;

use model::{
    catalogue::{Found, Readiness, Record, ResourceKind, Search},
    geometry::Point,
    ids::{DocumentId, JurisdictionId},
    invalid::Invalid,
    reason::Reason,
    time::Timestamp,
};
use proto::{border, v1};

use super::{PREFIX, uses, uses::Doings};
use crate::{
    desk::{Desk, documents::READ_TIME_MAX, limit_of, rows},
    fold::query,
};

/// Resources of one answer where nobody says how many.
const PAGE: usize = 50;
/// Minima of one search.
const NEEDS_MAX: usize = 16;
/// Characters of what is looked for.
const TEXT_CHARS_MAX: usize = 200;

/// A question with what it asks of records, read once.
struct Asked<'a> {
    search: Search,
    owners: BTreeSet<&'a str>,
    resource_id: &'a str,
    now: Timestamp,
}

impl Desk {
    /// Resources of every member, the nearest first.
    ///
    /// # Errors
    /// `BAD_CODE`, `BAD_GEOMETRY` or `TOO_LARGE` for what cannot be asked; `NOT_FOUND` for a member without a place.
    pub async fn search_catalogue(
        &self,
        ask: &v1::SearchCatalogueRequest,
    ) -> Result<v1::SearchCatalogueResponse, Invalid> {
        let asked = self.asked(ask)?;
        let fresh = self.link.is_up() && self.refreshed_in_time().await;
        let as_of = self.catalogues.as_of();
        let (mut found, mut catalogues) = (Vec::new(), Vec::new());
        let doings = self.doings()?;
        for (document, copied_at) in self.copies(&asked.owners)? {
            catalogues.push(v1::CatalogueSeen {
                owner: document.owner.clone(),
                records: u32::try_from(document.items.len()).unwrap_or(u32::MAX),
                as_of: Some(border::time::to_wire(as_of.map_or(copied_at, |as_of| as_of.max(copied_at)))),
                from_cache: !fresh,
            });
            let own = document.owner == self.names.jurisdiction().as_str();
            let doings = if own { &doings } else { &Doings::new() };
            found.extend(document.items.iter().filter_map(|item| asked.seen(item, &document.owner, doings)));
        }
        found.sort_by(|(one, _), (another, _)| one.order(another));
        let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
        let page = found.into_iter().skip(ask.offset as usize).take(limit_of(ask.limit, PAGE));
        Ok(v1::SearchCatalogueResponse { resources: page.map(|(_, seen)| seen).collect(), found: count, catalogues })
    }

    async fn refreshed_in_time(&self) -> bool {
        match tokio::time::timeout(READ_TIME_MAX, self.refresh_catalogues()).await {
            Ok(Ok(())) => true,
            Ok(Err(problem)) => {
                tracing::warn!(%problem, "a search looks through the copies here");
                false
            }
            Err(_) => false,
        }
    }

    /// The catalogues known here, and when each was copied.
    fn copies(&self, owners: &BTreeSet<&str>) -> Result<Vec<(v1::Document, Timestamp)>, Invalid> {
        let known = self.engine.read(|_, found| query::documents(found, PREFIX)).map_err(rows)?;
        let mut copies = Vec::new();
        for (id, _) in known {
            let owner = id.strip_prefix(PREFIX).unwrap_or_default();
            if owners.is_empty() || owners.contains(owner) {
                let copy = self.cached(&id.parse::<DocumentId>()?)?;
                copies.extend(copy.map(|(document, at)| (document, Timestamp::from_millis(at))));
            }
        }
        Ok(copies)
    }

    fn asked<'a>(&self, ask: &'a v1::SearchCatalogueRequest) -> Result<Asked<'a>, Invalid> {
        if ask.needs.len() > NEEDS_MAX {
            return Err(Invalid::too_large("needs", ask.needs.len(), NEEDS_MAX));
        }
        for (field, text) in [("text", &ask.text), ("category", &ask.category)] {
            if text.chars().count() > TEXT_CHARS_MAX {
                return Err(Invalid::too_large(field, text.chars().count(), TEXT_CHARS_MAX));
            }
        }
        let near = self.near(ask)?;
        let within_m = Some(ask.within_m).filter(|metres| *metres > 0);
        if within_m.is_some() && near.is_none() {
            return Err(Invalid::missing("near"));
        }
        let search = Search {
            kinds: each(&ask.kinds, ResourceKind::from_number, "kinds")?,
            category: ask.category.clone(),
            needs: ask.needs.iter().map(border::catalogue::need).collect(),
            type_level: ask.type_level,
            near,
            within_m,
            readiness: each(&ask.readiness, Readiness::from_number, "readiness")?,
            text: ask.text.clone(),
            expired_too: ask.expired_too,
        };
        let owners = ask.owners.iter().map(String::as_str).collect();
        Ok(Asked { search, owners, resource_id: &ask.resource_id, now: self.clock.now() })
    }

    /// From where distances are: a point, or the centroid of a member.
    fn near(&self, ask: &v1::SearchCatalogueRequest) -> Result<Option<Point>, Invalid> {
        if let Some(point) = ask.near {
            return border::geometry::point(point).map(Some).map_err(|invalid| invalid.within("near"));
        }
        if ask.near_member.is_empty() {
            return Ok(None);
        }
        let id: JurisdictionId = ask.near_member.parse().map_err(|invalid: Invalid| invalid.within("near_member"))?;
        let trusted = self.trust.now();
        let centroid = trusted.directory.member(&id).and_then(|member| member.centroid);
        let unknown = || Invalid::new(Reason::NotFound, "near_member", "catalogue.centroid").detail(id.to_string());
        centroid.map(Some).ok_or_else(unknown)
    }
}

fn each<T: Ord>(numbers: &[i32], of: impl Fn(i32) -> Option<T>, field: &'static str) -> Result<BTreeSet<T>, Invalid> {
    let one = |number: &i32| of(*number).ok_or_else(|| Invalid::code(field, "code.known").detail(number.to_string()));
    numbers.iter().map(one).collect()
}

impl Asked<'_> {
    /// An item as it is seen, if it is found. One that cannot be judged by this version is not.
    fn seen(&self, item: &v1::DocumentItem, owner: &str, doings: &Doings) -> Option<(Found, v1::ResourceSeen)> {
        let wire = border::catalogue::record_of(item)?;
        let record: Record = border::catalogue::record(&wire).ok()?;
        let doings = doings.get(&record.id).map_or(&[][..], Vec::as_slice);
        let readiness = uses::readiness_at(record.readiness, doings, self.now);
        let found = match self.resource_id {
            "" => self.search.finds(&record, readiness, self.now),
            id => record.id == id,
        };
        if !found {
            return None;
        }
        let (distance_m, quality) = (self.search.distance_m(&record), record.quality_at(self.now));
        let order = Found { distance_m, score: quality.score, id: record.id.clone() };
        let flaw = |flaw: &model::catalogue::Flaw| v1::FlawSeen {
            name: flaw.name().to_owned(),
            text_zh: flaw.zh().to_owned(),
            text_en: flaw.en().to_owned(),
            costs: flaw.costs(),
        };
        #[expect(clippy::cast_sign_loss, reason = "a distance is never negative, and half of the Earth's girth fits")]
        let metres = distance_m.map(|metres| metres.round() as u32);
        let seen = v1::ResourceSeen {
            record: Some(wire),
            owner: owner.to_owned(),
            etag: item.etag.clone(),
            changed_at: item.changed_at,
            quality: quality.score,
            flaws: quality.flaws.iter().map(flaw).collect(),
            distance_m: metres,
            expired: !record.is_valid_at(self.now),
            readiness: readiness.number(),
            uses: uses::seen(doings, self.now),
        };
        Some((order, seen))
    }
}
