//! Which attachments are being brought just now: of one jurisdiction one upload of a digest at a time, so that two calls
//! never write one file.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use model::ids::{Digest, JurisdictionId};

/// Every upload that is under way.
#[derive(Clone, Debug, Default)]
pub struct Uploads(Arc<Mutex<HashSet<(JurisdictionId, Digest)>>>);

/// One upload; it ends when this is dropped.
#[derive(Debug)]
pub struct Upload {
    all: Uploads,
    caller: JurisdictionId,
    digest: Digest,
}

impl Uploads {
    /// Begins an upload; none while the same caller brings the same digest.
    pub fn begin(&self, caller: &JurisdictionId, digest: Digest) -> Option<Upload> {
        let begun = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((caller.clone(), digest));
        begun.then(|| Upload { all: self.clone(), caller: caller.clone(), digest })
    }
}

impl Upload {
    /// Who brings it.
    pub const fn caller(&self) -> &JurisdictionId {
        &self.caller
    }

    /// What is brought.
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&(self.caller.clone(), self.digest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_brings_a_digest_once_at_a_time_and_others_are_not_held_up() {
        let (uploads, map) = (Uploads::default(), Digest::of(b"map"));
        let [ly, xz] = ["371300", "320300"].map(|id| id.parse::<JurisdictionId>().unwrap());
        let first = uploads.begin(&ly, map);

        assert!(first.is_some() && uploads.begin(&ly, map).is_none());
        assert!(uploads.begin(&xz, map).is_some() && uploads.begin(&ly, Digest::of(b"photo")).is_some());

        drop(first);
        assert!(uploads.begin(&ly, map).is_some(), "it ended");
    }
}
