//! Who comes in: invitations that are good once, requests whose words were compared by phone.

use std::{fs, path::PathBuf, time::Duration};

use model::{ids::JurisdictionId, time::Timestamp};
use serde::{Deserialize, Serialize};

use super::{MemberSpec, Proposal, Region, RegionError, create, open, place};
use crate::{
    bound::Bound,
    ca, disk,
    files::{DirectoryFile, EvidenceEntry, MemberEntry, name},
    handover::{self, HandoverError, Invitation, Proved, Request},
    signed, succession,
    words::Words,
};

/// How long an evidence key that has a successor may still seal.
const OVERLAP: Duration = Duration::from_hours(14 * 24);

/// What the secretariat keeps of an invitation.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    jurisdiction: String,
    name_zh: String,
    name_en: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    province: Option<String>,
    by_area: bool,
    expires: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used: Option<i64>,
}

/// An invitation that was written.
#[derive(Debug)]
pub struct Invited {
    /// The file.
    pub file: String,
    /// Words of the root: read them to whoever joins.
    pub words: Words,
}

/// What a request came to.
#[derive(Debug)]
pub struct Admission {
    /// Whose.
    pub jurisdiction: JurisdictionId,
    /// What it changes in the directory: nothing, if it says what is there.
    pub proposal: Option<Proposal>,
}

impl Region {
    /// Invites somebody: writes an invitation that is good for one admission within `life`.
    pub fn invite(&mut self, member: &MemberSpec, life: Duration, now: Timestamp) -> Result<Invited, RegionError> {
        let mut number = [0; 16];
        getrandom::fill(&mut number).map_err(std::io::Error::other)?;
        let (number, expires) = (signed::hex(&number), now.plus(life).millis());
        let invitation = Invitation {
            region: self.region.to_string(),
            jurisdiction: member.id.to_string(),
            name_zh: member.name_zh.clone(),
            name_en: member.name_en.clone(),
            number: number.clone(),
            endpoints: self.endpoints.clone(),
            issued: now.millis(),
            expires,
            root: self.root_file().to_owned(),
        };
        let file = invitation.sign(&self.region, &self.enough()?)?;
        self.keep(
            &number,
            &Entry {
                jurisdiction: member.id.to_string(),
                name_zh: member.name_zh.clone(),
                name_en: member.name_en.clone(),
                province: member.province.as_ref().map(ToString::to_string),
                by_area: member.by_area,
                expires,
                used: None,
            },
        )?;
        Ok(Invited { file, words: handover::root_words(self.root_file()) })
    }

    /// Admits whoever sent `request`, or takes over its new keys, if `heard` are the words that it read to us.
    pub fn admit(&mut self, request: &str, heard: &str, now: Timestamp) -> Result<Admission, RegionError> {
        let proved = Request::read(request)?;
        if proved.request.region != self.region.as_str() {
            return Err(HandoverError::Sort.into());
        }
        if !proved.words.are(heard) {
            return Err(RegionError::Words);
        }
        self.nothing_waits()?;
        let mut next = self.next_directory(now);
        let id = proved.jurisdiction.clone();
        let known = next.members.iter_mut().find(|entry| entry.id == id.as_str());
        let changed = if let Some(entry) = known {
            self.change(entry, &proved, now)?
        } else {
            self.enter(&mut next, &proved, now)?;
            true
        };
        if !changed {
            return Ok(Admission { jurisdiction: id, proposal: None });
        }
        self.keep_list(&proved)?;
        let proposal = self.propose(&next, now)?;
        Ok(Admission { jurisdiction: id, proposal: Some(proposal) })
    }

    /// A new entry, by an open invitation.
    fn enter(&self, next: &mut DirectoryFile, proved: &Proved, now: Timestamp) -> Result<(), RegionError> {
        let id = &proved.jurisdiction;
        let uninvited = || RegionError::Uninvited(id.clone());
        let number = &proved.request.number;
        if signed::unhex(number).is_none_or(|bytes| bytes.len() != 16) {
            return Err(uninvited());
        }
        let path = self.invitation(number);
        let mut entry: Entry = open::parse(&path, &fs::read_to_string(&path).map_err(|_| uninvited())?)?;
        if entry.jurisdiction != id.as_str() || entry.used.is_some() || now.millis() > entry.expires {
            return Err(uninvited());
        }
        let spec = MemberSpec {
            id: id.clone(),
            name_zh: entry.name_zh.clone(),
            name_en: entry.name_en.clone(),
            province: entry.province.as_ref().map(|id| id.parse()).transpose()?,
            by_area: entry.by_area,
            centroid: None,
            territory: Vec::new(),
        };
        let evidence = evidence_of(proved);
        let mut member = create::entry(&spec, self.certified(proved, now)?, evidence);
        self.come_back(next, &mut member, proved);
        next.members.push(member);
        entry.used = Some(now.millis());
        self.keep(number, &entry)
    }

    /// One who was a member once brings its old evidence keys and, with luck, its old authority's word.
    fn come_back(&self, next: &mut DirectoryFile, member: &mut MemberEntry, proved: &Proved) {
        let Some(at) = next.former.iter().position(|entry| entry.id == member.id) else { return };
        let former = next.former.remove(at);
        let new = former.evidence.into_iter().filter(|entry| entry.key != proved.request.evidence);
        member.evidence.extend(new);
        let old = signed::unhex(&former.ca_key).unwrap_or_default();
        if let Some(step) = &proved.request.ca_endorsed_by
            && succession::endorses(&self.region, &proved.jurisdiction, step, &old, &proved.bound.public_key)
        {
            member.ca_endorsed_by.push(step.clone());
        }
    }

    /// New keys of a member; whether there are any.
    fn change(&self, entry: &mut MemberEntry, proved: &Proved, now: Timestamp) -> Result<bool, RegionError> {
        let (id, new) = (&proved.jurisdiction, &proved.bound.public_key);
        let old = Bound::read(&entry.ca).map_err(HandoverError::Authority)?.public_key;
        let other = old != *new;
        if other {
            if let Some(step) = &proved.request.ca_endorsed_by
                && succession::endorses(&self.region, id, step, &old, new)
            {
                entry.ca_endorsed_by.push(step.clone());
            }
            entry.ca = self.certified(proved, now)?;
        }
        let fresh = !entry.evidence.iter().any(|known| known.key == proved.request.evidence);
        if fresh {
            let end = now.plus(OVERLAP).millis();
            for known in &mut entry.evidence {
                known.until = Some(known.until.map_or(end, |until| until.min(end)));
            }
            entry.evidence.push(evidence_of(proved));
        }
        Ok(other || fresh)
    }

    /// The authority's certificate below the region's root, or its own when the root is not here or it is not ours to
    /// certify.
    fn certified(&self, proved: &Proved, now: Timestamp) -> Result<String, RegionError> {
        let own = proved.request.ca.clone();
        let Some(root) = &self.root else { return Ok(own) };
        let certified = root.certify(&ca::authority_name(&self.region, &proved.jurisdiction), &own, now)?;
        // leaves and lists name their issuer: a certificate under another name would fit neither
        let fits = Bound::read(&certified)
            .is_ok_and(|bound| bound.list(&proved.list.pem).is_some() && bound.key_id == proved.bound.key_id);
        Ok(if fits { certified } else { own })
    }

    fn keep(&self, number: &str, entry: &Entry) -> Result<(), RegionError> {
        disk::private_dir(&self.folder.join(place::INVITATIONS))?;
        Ok(disk::replace(&self.invitation(number), toml::to_string(entry)?.as_bytes())?)
    }

    fn invitation(&self, number: &str) -> PathBuf {
        self.folder.join(place::INVITATIONS).join(format!("{number}.toml"))
    }

    /// The list of a request is kept beside the signed files until the directory binds its authority.
    fn keep_list(&mut self, proved: &Proved) -> Result<(), RegionError> {
        let lists = self.folder.join(place::DRAFT).join(name::CRLS);
        disk::private_dir(&lists)?;
        self.waiting_lists.push(proved.list.pem.clone());
        Ok(disk::replace(&lists.join(format!("{}.pem", proved.jurisdiction)), proved.list.pem.as_bytes())?)
    }
}

fn evidence_of(proved: &Proved) -> EvidenceEntry {
    let Request { evidence, evidence_certified, .. } = &proved.request;
    EvidenceEntry { key: evidence.clone(), certified: evidence_certified.clone(), until: None }
}
