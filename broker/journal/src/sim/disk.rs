//! A disk in memory that keeps unsynced writes apart. At a power cut it keeps a random part of them, torn at 512 bytes, and
//! forgets names whose folder was not synced. It can also fail, fill up, and flip a bit.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use super::dice::Dice;
use crate::disk::{Disk, DiskFile};

const SECTOR: usize = 512;

/// The disk. Clones are one disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct SimDisk(Arc<Mutex<State>>);

#[derive(Clone, Debug, Default)]
struct State {
    files: Vec<File>,
    /// What programs see.
    names: BTreeMap<PathBuf, usize>,
    /// What survives for sure.
    durable: BTreeMap<PathBuf, usize>,
    pending: Vec<(PathBuf, Change)>,
    folders: BTreeSet<PathBuf>,
    /// How many changing operations there were, and before which the power goes.
    operations: u64,
    cut_at: Option<u64>,
    /// How many syncs there were, and which one fails.
    syncs: u64,
    failing_sync: Option<u64>,
    syncs_fail: bool,
    /// Nothing can be read, and no folder synced.
    gone: bool,
    /// Growing a file beyond this is refused.
    length_max: Option<u64>,
}

#[derive(Clone, Debug, Default)]
struct File {
    /// What survives for sure.
    synced: Arc<Vec<u8>>,
    /// What programs see.
    current: Arc<Vec<u8>>,
    pending: Vec<Write>,
}

#[derive(Clone, Debug)]
enum Write {
    At(u64, Arc<[u8]>),
    Cut(u64),
}

#[derive(Clone, Debug)]
enum Change {
    Create(usize),
    Rename(PathBuf),
    Remove,
}

impl State {
    fn is_there(&self) -> io::Result<()> {
        if self.gone { Err(io::Error::other("the disk is gone")) } else { Ok(()) }
    }
}

impl SimDisk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// How many changing operations there were.
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// The power goes in the `number`-th changing operation from now.
    pub fn cut_at(&self, number: u64) {
        let mut state = self.lock();
        state.cut_at = Some(state.operations + number);
    }

    /// The `number`-th sync from now fails, once.
    pub fn fail_sync(&self, number: u64) {
        let mut state = self.lock();
        state.failing_sync = Some(state.syncs + number);
    }

    /// From now on every sync fails.
    pub fn fail_every_sync(&self) {
        self.lock().syncs_fail = true;
    }

    /// The disk is gone, or is there again.
    pub fn go(&self, gone: bool) {
        self.lock().gone = gone;
    }

    /// A file appears.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.lock();
        let (number, bytes) = (state.files.len(), Arc::new(bytes.to_vec()));
        state.files.push(File { synced: bytes.clone(), current: bytes, pending: Vec::new() });
        state.names.insert(path.to_owned(), number);
        state.durable.insert(path.to_owned(), number);
    }

    /// From now on files do not grow, or grow again.
    pub fn fill(&self, is_full: bool) {
        self.lock().length_max = is_full.then_some(0);
    }

    /// From now on no file grows beyond this.
    pub fn limit(&self, length_max: u64) {
        self.lock().length_max = Some(length_max);
    }

    /// The disk after the power came back.
    pub fn after_cut(&self, dice: &mut Dice) -> Self {
        let mut state = self.lock().clone();
        for (path, change) in std::mem::take(&mut state.pending) {
            if dice.one_in(2) {
                change.apply(&path, &mut state.durable);
            }
        }
        state.names = state.durable.clone();
        for file in &mut state.files {
            file.cut(dice);
        }
        state.cut_at = None;
        Self(Arc::new(Mutex::new(state)))
    }

    /// The disk after the program was killed: everything that was written is there, but no more synced than before.
    pub fn after_kill(&self) -> Self {
        let mut state = self.lock().clone();
        state.cut_at = None;
        state.failing_sync = None;
        Self(Arc::new(Mutex::new(state)))
    }

    /// Another disk with the same bytes on it.
    pub fn copy(&self) -> Self {
        self.after_kill()
    }

    /// Names and bytes as programs see them.
    pub fn contents(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let state = self.lock();
        let bytes = |file: usize| state.files[file].current.to_vec();
        state.names.iter().map(|(path, file)| (path.clone(), bytes(*file))).collect()
    }

    /// Changes a file behind everybody's back.
    pub fn damage(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.lock();
        let file = state.names[path];
        let file = &mut state.files[file];
        change(Arc::make_mut(&mut file.current));
        file.synced.clone_from(&file.current);
        file.pending.clear();
    }

    /// A file vanishes.
    pub fn vanish(&self, path: &Path) {
        let mut state = self.lock();
        state.names.remove(path);
        state.durable.remove(path);
    }
}

impl State {
    /// Counts a changing operation. In the one that the power goes in, `last` may leave its trace; nothing later does.
    fn operate(&mut self, last: impl FnOnce(&mut Self)) -> io::Result<()> {
        self.operations += 1;
        match self.cut_at {
            Some(at) if self.operations == at => {
                last(self);
                Err(io::Error::other("power cut"))
            }
            Some(at) if self.operations > at => Err(io::Error::other("no power")),
            _ => Ok(()),
        }
    }

    fn change(&mut self, path: &Path, change: &Change) -> io::Result<()> {
        let pending = (path.to_owned(), change.clone());
        self.operate(|state| state.pending.push(pending.clone()))?;
        change.apply(path, &mut self.names);
        self.pending.push(pending);
        Ok(())
    }

    fn found(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

impl Change {
    fn apply(&self, path: &Path, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Create(file) => {
                names.insert(path.to_owned(), *file);
            }
            Self::Rename(to) => {
                if let Some(file) = names.remove(path) {
                    names.insert(to.clone(), file);
                }
            }
            Self::Remove => {
                names.remove(path);
            }
        }
    }
}

impl File {
    /// Any part of what is pending is kept, by sectors.
    fn cut(&mut self, dice: &mut Dice) {
        let keep = dice.below(4);
        for write in std::mem::take(&mut self.pending) {
            match write {
                Write::Cut(length) if dice.one_in(2) => {
                    Arc::make_mut(&mut self.synced).truncate(usize::try_from(length).unwrap());
                }
                Write::Cut(_) => {}
                Write::At(at, bytes) => self.tear(usize::try_from(at).unwrap(), &bytes, keep, dice),
            }
        }
        self.current.clone_from(&self.synced);
    }

    /// Keeps none, all, or any of the sectors of a write.
    fn tear(&mut self, at: usize, bytes: &[u8], keep: u64, dice: &mut Dice) {
        let mut from = 0;
        while from < bytes.len() {
            let to = bytes.len().min((at + from) / SECTOR * SECTOR + SECTOR - at);
            let is_kept = match keep {
                0 => false,
                1 => true,
                _ => dice.one_in(2),
            };
            if is_kept {
                put(Arc::make_mut(&mut self.synced), at + from, &bytes[from..to]);
            }
            from = to;
        }
    }
}

fn put(place: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if place.len() < at + bytes.len() {
        place.resize(at + bytes.len(), 0);
    }
    place[at..at + bytes.len()].copy_from_slice(bytes);
}

impl Disk for SimDisk {
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let state = self.lock();
        let paths = state.names.keys().chain(&state.folders).filter(|path| path.parent() == Some(folder));
        Ok(paths.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn create_dir(&self, folder: &Path) -> io::Result<()> {
        self.lock().folders.insert(folder.to_owned());
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.lock();
        let number = state.files.len();
        state.files.push(File::default());
        state.change(path, &Change::Create(number))?;
        Ok(Arc::new(SimFile { disk: self.clone(), number }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let number = self.lock().found(path)?;
        Ok(Arc::new(SimFile { disk: self.clone(), number }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.found(from)?;
        state.change(from, &Change::Rename(to.to_owned()))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.found(path)?;
        state.change(path, &Change::Remove)
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.is_there()?;
        state.operate(|_| {})?;
        let (synced, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut state.pending).into_iter().partition(|(path, _)| path.parent() == Some(folder));
        state.pending = rest;
        for (path, change) in synced {
            change.apply(&path, &mut state.durable);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    number: usize,
}

impl SimFile {
    fn write(&self, write: Write) -> io::Result<()> {
        let mut state = self.disk.lock();
        let file = &state.files[self.number];
        if let Write::At(at, bytes) = &write
            && at + bytes.len() as u64 > file.current.len() as u64
            && state.length_max.is_some_and(|length_max| at + bytes.len() as u64 > length_max)
        {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let number = self.number;
        state.operate(|state| state.files[number].pending.push(write.clone()))?;
        let file = &mut state.files[number];
        match &write {
            Write::At(at, bytes) => put(Arc::make_mut(&mut file.current), usize::try_from(*at).unwrap(), bytes),
            Write::Cut(length) => Arc::make_mut(&mut file.current).truncate(usize::try_from(*length).unwrap()),
        }
        file.pending.push(write);
        Ok(())
    }
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.lock().files[self.number].current.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let state = self.disk.lock();
        state.is_there()?;
        let bytes = &state.files[self.number].current;
        let there = bytes.get(usize::try_from(at).unwrap()..).unwrap_or_default();
        let count = there.len().min(buffer.len());
        buffer[..count].copy_from_slice(&there[..count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.write(Write::At(at, bytes.into()))
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.write(Write::Cut(length))
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.syncs += 1;
        if state.syncs_fail || state.failing_sync == Some(state.syncs) {
            // as Linux does: the pages count as clean from now on, and the disk never gets them
            state.files[self.number].pending.clear();
            return Err(io::Error::other("sync failed"));
        }
        state.operate(|_| {})?;
        let file = &mut state.files[self.number];
        file.pending.clear();
        file.synced = file.current.clone();
        Ok(())
    }
}
