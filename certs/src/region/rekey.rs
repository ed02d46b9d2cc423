//! Another root or signer key: a new root of trust, which the one before it signs as well.

use std::fs;

use ed25519_dalek::SigningKey;
use model::{seal::SealKind, time::Timestamp};

use super::{Proposal, Region, RegionError, place};
use crate::{
    disk,
    files::{self, RootFile},
    keys, signed,
};

/// Which key is replaced, by its number from 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Replaced {
    /// A root key.
    Root(usize),
    /// A signer key.
    Signer(usize),
}

impl Region {
    /// Replaces a key that was lost or whose holder has left: makes a new one in `offline/`, and proposes a root that
    /// names it, with directory and grants signed anew. `roots` are root keys at hand.
    pub fn rekey(&mut self, which: Replaced, roots: &[SigningKey], now: Timestamp) -> Result<Proposal, RegionError> {
        self.nothing_waits()?;
        let mut root: RootFile = files::root_of(self.root_file())?.0;
        let (name, number) = match which {
            Replaced::Root(number) => ("root", number),
            Replaced::Signer(number) => ("signer", number),
        };
        let key = self.new_key(name, number)?;
        let hex = signed::hex(key.verifying_key().as_bytes());
        let lists: &mut [&mut Vec<String>] = match which {
            Replaced::Root(_) => &mut [&mut root.root_keys],
            Replaced::Signer(_) => &mut [&mut root.directory_keys, &mut root.grants_keys],
        };
        for keys in lists {
            let place = number.checked_sub(1).and_then(|at| keys.get_mut(at));
            hex.clone_into(place.ok_or_else(|| RegionError::NoKey(format!("{name}-{number}")))?);
        }
        root.version += 1;
        let signing: Vec<SigningKey> = match which {
            Replaced::Root(_) => roots.iter().chain([&key]).cloned().collect(),
            Replaced::Signer(_) => {
                self.bring(vec![key]);
                roots.to_vec()
            }
        };
        self.draft_root(&toml::to_string(&root)?, &signing)?;
        self.renew_drafts(now)
    }

    /// The key that is replaced is kept under another name: an old file may still need it.
    fn new_key(&self, name: &str, number: usize) -> Result<SigningKey, RegionError> {
        let offline = self.folder.join(place::OFFLINE);
        disk::private_dir(&offline)?;
        let path = offline.join(format!("{name}-{number}.key"));
        if path.exists() {
            let version = files::root_of(self.root_file())?.0.version;
            fs::rename(&path, offline.join(format!("{name}-{number}.key.until-root-{version}")))?;
        }
        Ok(keys::new_signing(&path)?)
    }

    fn draft_root(&self, text: &str, keys: &[SigningKey]) -> Result<(), RegionError> {
        let folder = self.folder.join(place::DRAFT);
        disk::private_dir(&folder)?;
        let signed = signed::sign(SealKind::Root, &self.region, text, keys);
        Ok(disk::replace(&folder.join(files::name::ROOT), signed.as_bytes())?)
    }
}
