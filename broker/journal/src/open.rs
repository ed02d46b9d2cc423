//! Opening, as FORMAT.md §4 says: read the headers, survey from the mark on, put right, begin a new life.

mod conclude;
mod heads;
mod mend;
mod survey;

use std::{io, path::PathBuf, sync::Arc};

use model::{
    clock::Clock,
    position::{Epoch, EpochId, Position},
};

use crate::{
    disk::Place,
    file,
    format::{HEADER_BYTES, Header, Mark},
    kept::Kept,
    mark::{self, Marker},
    report::{DataLoss, OpenReport},
    retire, segment,
    shelf::Shelf,
    spare::Spares,
    tree::Tree,
    writer::{Life, WriteError, Writer},
};

use conclude::Surveyed;
use heads::Heads;
use survey::Survey;

const MIB: u64 = 1 << 20;

/// What a journal is told when it opens.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it lies: a folder of the state directory, whose folder `quarantine` takes copies of damaged segments.
    pub folder: PathBuf,
    /// How long a segment is; none is a 64th of the file system, 1 to 64 MiB.
    pub segment_bytes: Option<u64>,
    /// Whose journal it is. Another owner's is refused; empty is anybody's.
    pub owner: String,
    /// Read and check everything, not only what came after the mark.
    pub verify_all: bool,
    /// For the times in headers and of the journal's own records.
    pub clock: Clock,
}

impl Options {
    /// The usual sizes, for the journal in `folder`.
    pub fn new(folder: impl Into<PathBuf>, clock: Clock) -> Self {
        Self { folder: folder.into(), segment_bytes: None, owner: String::new(), verify_all: false, clock }
    }
}

/// Why a journal did not open. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The machine does not let us: no space, no rights, no threads.
    #[error("journal folder")]
    Disk(#[from] io::Error),
    /// A later version of this program wrote it.
    #[error("{} has format {format}, which this version does not know; use the version that wrote it", path.display())]
    Format {
        /// Which segment.
        path: PathBuf,
        /// Its format.
        format: u32,
    },
    /// The files are not a journal of ours.
    #[error("{} is not a segment of this journal ({why}); move it away if it does not belong here", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// How we know.
        why: String,
    },
}

/// Everything that opening needs, with nothing left to ask the system.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub place: Place,
    pub segment_bytes: u64,
    pub owner: String,
    pub verify_all: bool,
    pub clock: Clock,
    /// The name of the life that begins.
    pub epoch: EpochId,
}

impl Plan {
    /// Asks the system for what `options` leave open.
    pub fn new(place: Place, options: Options) -> Result<Self, OpenError> {
        let Options { folder, segment_bytes, owner, verify_all, clock } = options;
        place.disk.create_dir(&folder)?;
        let usual = || file::space(&folder).map(|(_, total)| (total / 64).clamp(MIB, 64 * MIB) / MIB * MIB);
        let segment_bytes = segment_bytes.map_or_else(usual, Ok)?.max(2 * HEADER_BYTES as u64);
        let mut epoch = EpochId::default();
        getrandom::fill(&mut epoch.0).map_err(|error| io::Error::other(error.to_string()))?;
        let owner = Header::owner_cut(&owner).to_owned();
        Ok(Self { place, segment_bytes, owner, verify_all, clock, epoch })
    }
}

/// An open journal, before its threads.
#[derive(Debug)]
pub(crate) struct Opened {
    pub writer: Writer,
    pub tree: Tree,
    pub marker: Marker,
    pub epochs: Vec<Epoch>,
    pub report: OpenReport,
}

/// Opens the journal and begins a life.
pub(crate) fn open(plan: &Plan) -> Result<Opened, OpenError> {
    let (mark, marks_damaged) = mark::read(&plan.place)?;
    let retired = retire::read(&plan.place)?.unwrap_or_default();
    let heads = Heads::read(plan, mark.as_ref(), retired.through())?;
    let mut report = OpenReport { marks_damaged, strays: heads.strays.clone(), ..OpenReport::default() };
    let surveyed = Survey::new(plan, &heads, mark.as_ref(), &retired).run()?;
    surveyed.tell(&mut report);
    let known = mark.as_ref().is_none_or(|mark| surveyed.epochs.iter().any(|epoch| epoch.id == mark.epoch));
    if let Some(mark) = mark.as_ref().filter(|_| !known) {
        report.data_loss_suspected.get_or_insert(DataLoss::EpochMissing(mark.epoch));
    }
    let opened = mend::put_right(plan, surveyed, &mut report)
        .and_then(|mended| begin(plan, mended, mark.as_ref(), (report, retired.through())));
    opened.map_err(OpenError::Disk)
}

/// Begins the life on top of what was found.
fn begin(
    plan: &Plan,
    surveyed: Surveyed,
    mark: Option<&Mark>,
    (mut report, retired): (OpenReport, Position),
) -> io::Result<Opened> {
    let first = Position(surveyed.tree.size()).next();
    let mut epochs = surveyed.epochs;
    let previous = epochs.last().map_or_else(EpochId::default, |epoch| epoch.id);
    if let Some(last) = epochs.last_mut() {
        last.ended_at = Some(surveyed.end);
    }
    let epoch = Epoch { id: plan.epoch, first, ended_at: None };
    epochs.push(epoch);
    report.clock_floor = surveyed.clock_floor;
    let Plan { place, segment_bytes, owner, clock, .. } = plan.clone();
    let tree = surveyed.tree.clone();
    let left = (retired, Kept::open(&place)?);
    let shelf = Shelf::new(place.clone(), clock.clone(), surveyed.segments, report.damaged.clone(), tree, left);
    let shelf = Arc::new(shelf);
    let tree = Tree::open(&place, shelf.clone(), surveyed.tree.size());
    let mut writer = Writer {
        life: Life { epoch, previous: (previous, surveyed.end), owner },
        shelf,
        spares: Spares::new(place.clone(), segment_bytes),
        clock,
        tree: surveyed.tree,
        clock_floor: report.clock_floor,
        number: surveyed.number,
        live: None,
        buffer: Vec::new(),
        figures: Arc::default(),
    };
    writer.begin_epoch().map_err(|error| match error {
        WriteError::NoSpace(error) | WriteError::Fatal(error) => error,
    })?;
    mend::cut_tails(&place, &surveyed.cuts);
    let marker = Marker::new(place, mark.map_or(0, |mark| mark.generation));
    marker.note(writer.mark());
    marker.write()?;
    tracing::info!(epoch = %epoch.id, %first, segment = segment::name(writer.number), "the journal is open");
    Ok(Opened { writer, tree, marker, epochs, report })
}
