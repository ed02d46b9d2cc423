//! A disk of the test's own: a file system in a file, which can lose its power and be filled.
//!
//! Only loop devices that were made here are touched. They go with the value, also when a test fails, and what an earlier run
//! left behind goes when its folder is made anew.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What it is formatted with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FileSystem {
    Ext4,
    Xfs,
}

impl FileSystem {
    /// What a test of it needs beside itself.
    pub fn tools(self) -> &'static [&'static str] {
        match self {
            Self::Ext4 => &["root", "mount", "mkfs.ext4", "xfs_io"],
            Self::Xfs => &["root", "mount", "mkfs.xfs", "xfs_io"],
        }
    }

    fn format(self, image: &Path) {
        // without the blocks that ext4 keeps for root, as whom tests run
        let (program, options): (_, &[&str]) = match self {
            Self::Ext4 => ("mkfs.ext4", &["-qF", "-m0"]),
            Self::Xfs => ("mkfs.xfs", &["-qf"]),
        };
        run(Command::new(program).args(options).arg(image));
    }
}

/// Whether the machine has all of these: commands, or `root`. Says what is missing.
pub fn has(needed: &[&str]) -> bool {
    let missing: Vec<&str> = needed.iter().copied().filter(|what| !is_there(what)).collect();
    if !missing.is_empty() {
        println!("skipped: needs {}", missing.join(", "));
    }
    missing.is_empty()
}

fn is_there(what: &str) -> bool {
    if what == "root" {
        return rustix::process::geteuid().is_root();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.into_iter().any(|folder| folder.join(what).is_file())
}

/// Runs a command of the system, which succeeds.
pub fn run(command: &mut Command) {
    let done = command.stdin(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Says in a test's folder which process works there.
const OWNER: &str = "owner";

/// An empty folder of this name for a test, whatever an earlier run left there. Disks of tests that were killed are unplugged.
pub fn fresh_folder(name: &str) -> PathBuf {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = all.join(name);
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    for point in points.filter(|at| Path::new(at).starts_with(all)) {
        let owner = Path::new(point).parent().map(|of| fs::read_to_string(of.join(OWNER)).unwrap_or_default());
        let works = owner.is_some_and(|pid| !pid.is_empty() && Path::new("/proc").join(pid).is_dir());
        if !works || Path::new(point).starts_with(&folder) {
            drop(Command::new("umount").args(["-l", point]).status());
        }
    }
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(OWNER), std::process::id().to_string()).unwrap();
    folder
}

/// The disk, in use.
pub struct LoopDisk {
    image: PathBuf,
    mount: PathBuf,
}

impl LoopDisk {
    /// Makes one of `mib` MiB in `folder` and plugs it in.
    pub fn make(folder: &Path, name: &str, system: FileSystem, mib: u64) -> Self {
        let (image, mount) = (folder.join(format!("{name}.img")), folder.join(format!("{name}.disk")));
        fs::File::create(&image).unwrap().set_len(mib << 20).unwrap();
        system.format(&image);
        fs::create_dir_all(&mount).unwrap();
        let disk = Self { image, mount };
        disk.plug_in();
        disk
    }

    /// Lets the state directory `state`, which is not there yet, lie on the disk.
    pub fn hold(&self, state: &Path) {
        let held = self.held();
        fs::DirBuilder::new().mode(0o700).create(&held).unwrap();
        std::os::unix::fs::symlink(held, state).unwrap();
    }

    /// Where the state directory lies.
    pub fn held(&self) -> PathBuf {
        self.mount.join("state")
    }

    fn plug_in(&self) {
        run(Command::new("mount").args(["-o", "loop"]).args([&self.image, &self.mount]));
    }

    /// The power goes: whatever was not synced is gone, and the disk answers nothing any more. Bytes that nobody synced lay
    /// there, so that [`LoopDisk::comes_back`] can tell.
    pub fn cut(&self) {
        fs::write(self.canary(), vec![7; CANARY_BYTES]).unwrap();
        run(Command::new("xfs_io").args(["-x", "-c", "shutdown"]).arg(&self.mount));
    }

    /// Plugs the disk in again, which nobody uses now; true if bytes that nobody had synced are gone.
    pub fn comes_back(&self) -> bool {
        run(Command::new("umount").arg(&self.mount));
        self.plug_in();
        let lost = fs::read(self.canary()).map_or(true, |bytes| bytes != vec![7; CANARY_BYTES]);
        drop(fs::remove_file(self.canary()));
        lost
    }

    fn canary(&self) -> PathBuf {
        self.mount.join("canary")
    }

    /// Fills the disk until so many bytes are free for its users, or as few as the file system leaves.
    pub fn fill_to(&self, free: u64) {
        const LAST: u64 = 1 << 20;
        self.empty();
        let there = self.free();
        if there > free + LAST {
            run(Command::new("fallocate").args(["-l", &(there - free - LAST).to_string()]).arg(self.filler()));
        }
        // the file system itself needs some of the last blocks
        let mut filler = fs::OpenOptions::new().create(true).append(true).open(self.filler()).unwrap();
        while self.free() > free && filler.write_all(&[0; 4096]).and_then(|()| filler.sync_data()).is_ok() {}
    }

    /// What filled it is gone.
    pub fn empty(&self) {
        drop(fs::remove_file(self.filler()));
    }

    /// Free bytes, as `df` tells them.
    pub fn free(&self) -> u64 {
        journal::file::space(&self.mount).unwrap().0
    }

    /// All bytes that its users may ever have.
    pub fn total(&self) -> u64 {
        journal::file::space(&self.mount).unwrap().1
    }

    fn filler(&self) -> PathBuf {
        self.mount.join("filler")
    }
}

/// Written before the power goes, and not synced.
const CANARY_BYTES: usize = 64 * 1024;

impl Drop for LoopDisk {
    fn drop(&mut self) {
        // at once from the tree; the loop device goes with the last program that still uses it
        drop(Command::new("umount").arg("-l").arg(&self.mount).status());
        drop(fs::remove_file(&self.image));
    }
}

/// Every plain file below a folder, in order.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(meta) = fs::symlink_metadata(entry.path()) else { continue };
            if meta.is_dir() {
                folders.push(entry.path());
            } else if meta.is_file() && meta.nlink() > 0 {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}
