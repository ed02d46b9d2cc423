//! What is revoked: the lists of the authorities, each verified under the key that the directory binds, and the serials
//! that the directory itself names. What was once revoked stays so, whatever a later list says.

use std::collections::{BTreeMap, BTreeSet};

use model::ids::JurisdictionId;
use rustls_pki_types::{CertificateRevocationListDer, pem::PemObject as _};

use crate::bound::Bound;

/// A serial number without leading zeros.
pub type Serial = Vec<u8>;

/// The revocation list of one authority.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct List {
    /// Counts up.
    pub number: u64,
    /// What it revokes.
    pub serials: BTreeSet<Serial>,
    /// Unix seconds.
    pub issued: i64,
    /// Unix seconds; after this the status of every certificate is unknown.
    pub expires: i64,
    /// As written.
    pub pem: String,
}

impl List {
    /// The encoded list.
    pub fn der(pem: &str) -> Option<CertificateRevocationListDer<'static>> {
        CertificateRevocationListDer::from_pem_slice(pem.as_bytes()).ok()
    }
}

/// Everything that is revoked in a region.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Revocations {
    /// The newest list of each authority.
    pub lists: BTreeMap<JurisdictionId, List>,
    /// Every serial that is revoked, or ever was.
    pub serials: BTreeSet<(JurisdictionId, Serial)>,
}

impl Revocations {
    /// Sorts `pems` to the authorities that signed them; of several the newest counts, and what nobody of these signed
    /// counts for nothing.
    pub fn of<'b>(authorities: impl IntoIterator<Item = (JurisdictionId, &'b Bound)>, pems: &[String]) -> Self {
        let mut all = Self::default();
        for (id, bound) in authorities {
            pems.iter().filter_map(|pem| bound.list(pem)).for_each(|list| all.add(&id, list));
        }
        all
    }

    /// Revokes a serial.
    pub fn revoke(&mut self, of: &JurisdictionId, serial: Serial) {
        self.serials.insert((of.clone(), serial));
    }

    /// Whether an authority's serial is revoked.
    pub fn revokes(&self, of: &JurisdictionId, serial: &[u8]) -> bool {
        self.serials.contains(&(of.clone(), serial.to_vec()))
    }

    /// Takes over what was known before: every serial, and each list that is newer than ours.
    pub fn remember(&mut self, before: &Self, is_bound: impl Fn(&JurisdictionId, &List) -> bool) {
        self.serials.extend(before.serials.iter().cloned());
        before.lists.iter().filter(|(id, list)| is_bound(id, list)).for_each(|(id, list)| self.add(id, list.clone()));
    }

    /// The lists as written.
    pub fn pems(&self) -> Vec<String> {
        self.lists.values().map(|list| list.pem.clone()).collect()
    }

    fn add(&mut self, of: &JurisdictionId, list: List) {
        self.serials.extend(list.serials.iter().map(|serial| (of.clone(), serial.clone())));
        let newest = self.lists.get(of).is_none_or(|known| known.number < list.number);
        if newest {
            self.lists.insert(of.clone(), list);
        }
    }
}
