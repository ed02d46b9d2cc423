//! The journal on a simulated disk: cut at every write, failed at every sync, damaged at every byte.

mod cuts;
mod damage;
mod dice;
mod disk;
mod failures;
mod retire;
mod witness;
mod world;

use std::{path::Path, sync::Arc};

use model::{clock::Clock, position::EpochId, time::Timestamp};

use crate::{
    disk::Place,
    open::{self, OpenError, Opened, Plan},
};

pub(crate) use disk::SimDisk;

/// Room for a header and a handful of records, so that segments change often.
const SEGMENT_BYTES: u64 = 4096 + 2048;
const FOLDER: &str = "/state/journal";

/// How a start on `disk` is made that calls its life `epoch`.
fn plan(disk: &SimDisk, epoch: u8) -> Plan {
    Plan {
        place: Place::new(Arc::new(disk.clone()), Path::new(FOLDER)),
        segment_bytes: SEGMENT_BYTES,
        owner: "sd-js".to_owned(),
        verify_all: false,
        clock: Clock::new(|| Timestamp::from_millis(1_800_000_000_000)),
        epoch: EpochId([epoch; 16]),
    }
}

fn start(disk: &SimDisk, epoch: u8) -> Result<Opened, OpenError> {
    open::open(&plan(disk, epoch))
}
