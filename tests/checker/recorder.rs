//! Writes a history down while it happens: in memory for the checker, and in a file that no fault touches.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::event::{Event, Line, print};

/// The pen. Cheap to clone; every line gets its time and its place under one lock, so that times never go back.
#[derive(Clone)]
pub struct Recorder(Arc<Mutex<Pen>>);

struct Pen {
    began: tokio::time::Instant,
    lines: Vec<Line>,
    file: BufWriter<File>,
    path: PathBuf,
}

impl Recorder {
    /// Begins a history in the file `path`.
    pub fn begin(path: &Path) -> std::io::Result<Self> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let file = BufWriter::new(File::create(path)?);
        let pen = Pen { began: tokio::time::Instant::now(), lines: Vec::new(), file, path: path.to_owned() };
        Ok(Self(Arc::new(Mutex::new(pen))))
    }

    /// Writes one event down.
    pub fn record(&self, event: Event) {
        let mut pen = self.0.lock().unwrap();
        let t = u64::try_from(pen.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let line = Line { t, event };
        writeln!(pen.file, "{}", print(&line)).unwrap();
        pen.lines.push(line);
    }

    /// All that was written so far.
    pub fn lines(&self) -> Vec<Line> {
        let mut pen = self.0.lock().unwrap();
        pen.file.flush().unwrap();
        pen.lines.clone()
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        self.0.lock().unwrap().path.clone()
    }
}
