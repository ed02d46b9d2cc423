//! Rates: token buckets for each sender, and the disk's stages. A refusal comes before the write.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use model::{
    bucket::{Bucket, Rate},
    grant::Quota,
    header::Header,
    ids::JurisdictionId,
    invalid::Invalid,
    limits,
    precedence::Precedence,
    reason::Reason,
    time::Timestamp,
};

/// How full the disk is; each stage refuses more.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
#[repr(u8)]
pub enum DiskStage {
    /// Room for everything.
    Free = 0,
    /// 80 % used: ROUTINE and new attachments are refused.
    Watch = 1,
    /// 90 % used: PRIORITY too.
    Tight = 2,
    /// 95 % used or nearly nothing free: FLASH alone is taken.
    Reserve = 3,
}

impl DiskStage {
    /// The stage of a disk with `free` of `total` bytes, where `reserve` bytes are kept back.
    pub fn of(free: u64, total: u64, reserve: u64) -> Self {
        let used_percent = total.saturating_sub(free).saturating_mul(100).checked_div(total).unwrap_or(0);
        match used_percent {
            _ if free < reserve => Self::Reserve,
            95.. => Self::Reserve,
            90.. => Self::Tight,
            80.. => Self::Watch,
            _ => Self::Free,
        }
    }

    /// Whether an envelope of `precedence` is still taken.
    pub fn takes(self, precedence: Precedence) -> bool {
        match self {
            Self::Free => true,
            Self::Watch => precedence < Precedence::Routine,
            Self::Tight => precedence < Precedence::Priority,
            Self::Reserve => precedence == Precedence::Flash,
        }
    }

    /// Whether bytes of an attachment of a message of `precedence` are still taken: from 80 % on no new one but of what is
    /// urgent, from 90 % on those of FLASH alone, from 95 % on none.
    pub fn takes_blob(self, begun: bool, precedence: Precedence) -> bool {
        match self {
            Self::Free => true,
            Self::Watch => begun || precedence <= Precedence::Immediate,
            Self::Tight => precedence == Precedence::Flash,
            Self::Reserve => false,
        }
    }

    fn from_byte(byte: u8) -> Self {
        match byte {
            0 => Self::Free,
            1 => Self::Watch,
            2 => Self::Tight,
            _ => Self::Reserve,
        }
    }
}

/// Token buckets and the disk's stage.
#[derive(Debug, Default)]
pub struct Quotas {
    buckets: Mutex<HashMap<JurisdictionId, Buckets>>,
    audits: Mutex<HashMap<JurisdictionId, Bucket>>,
    logs: Mutex<HashMap<JurisdictionId, (Bucket, u64)>>,
    unknown: Mutex<HashMap<JurisdictionId, Bucket>>,
    files: Mutex<HashMap<JurisdictionId, Bucket>>,
    disk: AtomicU8,
}

/// One sender's buckets.
#[derive(Debug)]
struct Buckets {
    envelopes: Bucket,
    bytes: Bucket,
}

/// Refusals of one sender that are journalled a second.
const AUDITED: Rate = Rate::per_second(20);
/// Receipts about messages that the broker does not know: all of the time after which none comes back, at once.
const UNKNOWN: Rate = Rate { most: limits::UNKNOWN_RECEIPTS_MAX, period: limits::DEDUPE };
/// Bytes of attachments that a member may bring.
const FILES: Rate = Rate { most: limits::BLOB_BYTES_PER_DAY, period: Duration::from_hours(24) };
/// Refusals of one sender that are logged a second; the others are counted in its next line.
const LOGGED: Rate = Rate::per_second(1);

impl Quotas {
    /// The disk is in this stage now.
    pub fn disk_is(&self, stage: DiskStage) {
        self.disk.store(stage as u8, Ordering::Relaxed);
    }

    /// The disk's stage.
    pub fn disk(&self) -> DiskStage {
        DiskStage::from_byte(self.disk.load(Ordering::Relaxed))
    }

    /// Whether one more refusal of `by` is journalled.
    pub fn may_audit(&self, by: &JurisdictionId, now: Timestamp) -> bool {
        let mut audits = self.audits.lock().unwrap_or_else(PoisonError::into_inner);
        audits.entry(by.clone()).or_insert_with(|| Bucket::full(AUDITED, now)).take(AUDITED, 1, now).is_ok()
    }

    /// Takes receipts of `by` about unknown messages, or says after how long they may come.
    pub fn unknown_receipts(&self, by: &JurisdictionId, count: u64, now: Timestamp) -> Result<(), Duration> {
        take(&self.unknown, by, UNKNOWN, count, now)
    }

    /// Takes bytes of attachments that `by` brings, or says after how long they may come.
    pub fn file_bytes(&self, by: &JurisdictionId, bytes: u64, now: Timestamp) -> Result<(), Duration> {
        take(&self.files, by, FILES, bytes, now)
    }

    /// Whether one more refusal of `by` is logged, and then how many before it were not.
    pub fn may_log(&self, by: &JurisdictionId, now: Timestamp) -> Option<u64> {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let (bucket, unsaid) = logs.entry(by.clone()).or_insert_with(|| (Bucket::full(LOGGED, now), 0));
        if bucket.take(LOGGED, 1, now).is_ok() {
            return Some(std::mem::take(unsaid));
        }
        *unsaid += 1;
        None
    }

    /// Admits one envelope of `bytes` bytes from `by`, or says which limit it passes.
    pub fn admit(
        &self,
        by: &JurisdictionId,
        header: &Header,
        bytes: u64,
        quota: &Quota,
        now: Timestamp,
    ) -> Result<(), Invalid> {
        if !self.disk().takes(header.precedence) {
            return Err(
                Invalid::new(Reason::StoreFull, "precedence", "disk.stage").detail("the broker's disk is nearly full")
            );
        }
        let (envelopes, volume) =
            (Rate::per_second(u64::from(quota.per_second)), Rate::per_second(quota.bytes_per_second));
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = buckets
            .entry(by.clone())
            .or_insert_with(|| Buckets { envelopes: Bucket::full(envelopes, now), bytes: Bucket::full(volume, now) });
        let taken = mine.envelopes.take(envelopes, 1, now).and_then(|()| mine.bytes.take(volume, bytes, now));
        taken.map_err(|wait| {
            let detail = format!("more than the grant allows a second; again in {} ms", wait.as_millis());
            Invalid::new(Reason::RateLimited, "sender", "grant.rate").detail(detail)
        })?;
        Ok(())
    }
}

fn take(
    buckets: &Mutex<HashMap<JurisdictionId, Bucket>>,
    by: &JurisdictionId,
    rate: Rate,
    tokens: u64,
    now: Timestamp,
) -> Result<(), Duration> {
    if tokens == 0 {
        return Ok(());
    }
    let mut buckets = buckets.lock().unwrap_or_else(PoisonError::into_inner);
    buckets.entry(by.clone()).or_insert_with(|| Bucket::full(rate, now)).take(rate, tokens, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    #[test]
    fn one_member_at_the_end_of_its_day_of_files_leaves_the_others_theirs() {
        let quotas = Quotas::default();
        let [ly, xz] = ["371300", "320300"].map(|id| id.parse::<JurisdictionId>().unwrap());
        let files = limits::BLOB_BYTES_PER_DAY / limits::ATTACHMENTS_BYTES_MAX;
        let brought = (0..=files).find(|_| quotas.file_bytes(&ly, limits::ATTACHMENTS_BYTES_MAX, NOON).is_err());
        assert_eq!(brought, Some(files));
        let wait = quotas.file_bytes(&ly, limits::ATTACHMENTS_BYTES_MAX, NOON).unwrap_err();
        assert!(quotas.file_bytes(&xz, limits::ATTACHMENTS_BYTES_MAX, NOON).is_ok());
        assert!(quotas.file_bytes(&ly, limits::ATTACHMENTS_BYTES_MAX, NOON.plus(wait)).is_ok());
    }

    #[test]
    fn receipts_about_unknown_messages_end_somewhere_and_after_the_loss_of_a_journal_there_are_enough() {
        let (quotas, ly) = (Quotas::default(), "371300".parse::<JurisdictionId>().unwrap());
        // four receipts for each of 100 messages an hour of 35 days
        assert!(quotas.unknown_receipts(&ly, 4 * 100 * 24 * 35, NOON).is_ok());
        let batches = (0..10_000).find(|_| quotas.unknown_receipts(&ly, 256, NOON).is_err());
        assert!(batches.is_some(), "and not for ever");
    }

    #[test]
    fn a_fuller_disk_takes_less_and_flash_to_the_last() {
        use Precedence::{Flash, Immediate, Priority, Routine};
        let taken = |percent_used: u64| {
            let stage = DiskStage::of(100 - percent_used, 100, 0);
            [Flash, Immediate, Priority, Routine].map(|precedence| stage.takes(precedence))
        };
        assert_eq!(taken(79), [true, true, true, true]);
        assert_eq!(taken(80), [true, true, true, false]);
        assert_eq!(taken(90), [true, true, false, false]);
        assert_eq!(taken(95), [true, false, false, false]);
        assert_eq!(DiskStage::of(9, 100, 10), DiskStage::Reserve, "what is kept back counts before the percentage");
        assert_eq!(DiskStage::of(0, 0, 0), DiskStage::Free, "a disk without a size says nothing");
    }

    #[test]
    fn a_flood_of_refusals_is_one_line_a_second_which_counts_the_others() {
        let (quotas, noon) = (Quotas::default(), Timestamp::from_millis(1_800_000_000_000));
        let [ly, xz] = ["371300", "320300"].map(|id| id.parse::<JurisdictionId>().unwrap());
        let lines: Vec<_> = (0..1_000).filter_map(|_| quotas.may_log(&ly, noon)).collect();

        assert_eq!(lines, [0]);
        assert_eq!(quotas.may_log(&xz, noon), Some(0), "another peer is heard of");
        assert_eq!(quotas.may_log(&ly, noon.plus(std::time::Duration::from_secs(1))), Some(999));
    }

    #[test]
    fn from_80_percent_on_no_attachment_is_begun_but_of_what_is_urgent_and_from_95_on_none() {
        use Precedence::{Flash, Immediate, Priority};
        let taken = |begun, precedence| {
            let stage = |percent_used: u64| DiskStage::of(100 - percent_used, 100, 0);
            [79, 80, 90, 95].map(|percent_used| stage(percent_used).takes_blob(begun, precedence))
        };
        assert_eq!(taken(false, Priority), [true, false, false, false]);
        assert_eq!(taken(true, Priority), [true, true, false, false]);
        assert_eq!(taken(false, Immediate), [true, true, false, false]);
        assert_eq!(taken(false, Flash), [true, true, true, false], "FLASH is not held up by its photograph");
    }

    #[test]
    fn a_stage_is_read_as_it_was_set() {
        let quotas = Quotas::default();
        for stage in [DiskStage::Watch, DiskStage::Tight, DiskStage::Reserve, DiskStage::Free] {
            quotas.disk_is(stage);
            assert_eq!(quotas.disk(), stage);
        }
    }
}
