//! Opens a region's folder again: what is in force, and the keys that lie in it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use ed25519_dalek::SigningKey;
use model::{ids::JurisdictionId, seal::SealKind};
use serde::{Deserialize, Serialize};

use super::{Region, RegionError, place, publish::by_name};
use crate::{
    ca::Authority,
    disk,
    files::{self, name},
    keys, signed, trust,
};

/// What `region.toml` says.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    region: String,
    endpoints: Vec<String>,
}

/// Opens the region in `folder`. Keys that were carried away are simply not there.
pub fn open(folder: &Path) -> Result<Region, RegionError> {
    let path = folder.join(place::REGION);
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let about: About = parse(&path, &fs::read_to_string(&path).map_err(named)?)?;
    let trusted = files::load(&folder.join(place::SIGNED))?;
    let text = signed::split(SealKind::Directory, &trusted.bytes.directory).map_or("", |(text, _)| text);
    let grants = signed::split(SealKind::Grants, &trusted.bytes.grants).map_or("", |(text, _)| text);
    let offline = folder.join(place::OFFLINE);
    Ok(Region {
        folder: folder.to_owned(),
        region: trusted.region.clone(),
        root: offline_authority(&offline, place::ROOT_CA)?,
        broker: offline_authority(&offline, place::BROKER_CA)?,
        members: hosted(folder, trusted.authorities.keys())?,
        endpoints: about.endpoints,
        signers: signers(&offline)?,
        root_file: trusted.bytes.root.clone(),
        directory: parse(Path::new(name::DIRECTORY), text)?,
        grants: grants.to_owned(),
        grants_version: trusted.policy.version,
        agreements: Vec::new(),
        lists: by_name(&trusted),
        waiting_lists: files::crls(&folder.join(place::DRAFT))?,
    })
}

/// Signing keys from their files.
pub fn signing_keys(files: &[PathBuf]) -> Result<Vec<SigningKey>, RegionError> {
    files.iter().map(|file| Ok(keys::signing(file)?)).collect()
}

impl Region {
    /// Writes where agents call the broker.
    pub(super) fn remember_endpoints(&self) -> Result<(), RegionError> {
        let about = About { region: self.region.to_string(), endpoints: self.endpoints.clone() };
        Ok(disk::replace(&self.folder.join(place::REGION), toml::to_string(&about)?.as_bytes())?)
    }

    /// Says where agents call the broker; invitations tell it.
    pub fn set_endpoints(&mut self, endpoints: Vec<String>) -> Result<(), RegionError> {
        self.endpoints = endpoints;
        self.remember_endpoints()
    }
}

pub(super) fn parse<T: serde::de::DeserializeOwned>(file: &Path, text: &str) -> Result<T, RegionError> {
    toml::from_str(text).map_err(|source| RegionError::Form { file: file.display().to_string(), source })
}

fn offline_authority(offline: &Path, name: &str) -> Result<Option<Authority>, RegionError> {
    let (pem, key) = (offline.join(format!("{name}.pem")), offline.join(format!("{name}.key")));
    if !key.exists() {
        return Ok(None);
    }
    Ok(Some(Authority::load_root(&fs::read_to_string(pem)?, &keys::read(&key)?)?))
}

fn hosted<'i>(
    folder: &Path,
    ids: impl Iterator<Item = &'i JurisdictionId>,
) -> Result<Vec<(JurisdictionId, Authority)>, RegionError> {
    let here = ids.filter(|id| folder.join(id.as_str()).join(name::CA_KEY).exists());
    here.map(|id| Ok((id.clone(), trust::authority(&folder.join(id.as_str()))?))).collect()
}

fn signers(offline: &Path) -> Result<Vec<SigningKey>, RegionError> {
    let files = (1..=9).map(|number| offline.join(format!("signer-{number}.key")));
    signing_keys(&files.filter(|file| file.exists()).collect::<Vec<_>>())
}
