//! How many of a sort are inside at a time: connections in all, of one address before it has shown who it is, of one
//! peer. A place is given back when it is dropped.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

/// Places that are taken, by whom.
#[derive(Debug)]
pub(super) struct Places<K: Eq + Hash>(Arc<Mutex<HashMap<K, usize>>>);

impl<K: Eq + Hash> Default for Places<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// A place that somebody has.
#[derive(Debug)]
pub(super) struct Place<K: Eq + Hash> {
    whose: K,
    taken: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Clone + Eq + Hash> Places<K> {
    /// A place for `whose`, unless it has `most` of them.
    pub fn take(&self, whose: K, most: usize) -> Option<Place<K>> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(whose.clone()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place { whose, taken: self.0.clone() })
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = taken.get_mut(&self.whose) else { return };
        *count = count.saturating_sub(1);
        if *count == 0 {
            taken.remove(&self.whose);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_more_places_than_allowed_and_a_place_that_is_left_is_free_again() {
        let places = Places::default();
        let first = places.take("a", 2).unwrap();
        let _second = places.take("a", 2).unwrap();
        assert!(places.take("a", 2).is_none());
        assert!(places.take("b", 2).is_some(), "another has places of its own");
        drop(first);
        assert!(places.take("a", 2).is_some());
        assert_eq!(places.0.lock().unwrap().len(), 1, "who is gone is forgotten");
    }
}
