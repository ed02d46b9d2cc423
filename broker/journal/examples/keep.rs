//! Makes the small journal that later versions must still open: `cargo run -p journal --example keep -- FOLDER`.
//! Two stopped lives and one that a power cut ended, with appends of one record, of several, and of a large one.

use std::{fs, io, path::Path};

use journal::{FileJournal, Journal as _, Lane, Options, Position, Record, RecordBatch, Ticket};
use model::{clock::Clock, time::Timestamp};

type Done<T = ()> = Result<T, Box<dyn std::error::Error>>;

const NOON: i64 = 1_784_347_200_000;

fn open(folder: &Path) -> Done<FileJournal> {
    let clock = Clock::new(|| Timestamp::from_millis(NOON));
    let options =
        Options { segment_bytes: Some(64 << 10), owner: "sd-js/371300".to_owned(), ..Options::new(folder, clock) };
    Ok(FileJournal::open(options)?)
}

async fn append(journal: &FileJournal, kinds: &[u16], bytes: usize) -> Done<Position> {
    let record = |kind: &u16| Record::new(*kind, Timestamp::from_millis(NOON + i64::from(*kind)), vec![b'a'; bytes]);
    let records = kinds.iter().map(record).collect();
    Ok(journal.append(RecordBatch { records, lane: Lane::Normal, ticket: Ticket(1) }).await?)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    fs::read_dir(from)?.try_for_each(|entry| {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name())).map(drop)
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Done {
    let folder = std::env::args_os().nth(1).ok_or("say where")?;
    let (folder, living) = (Path::new(&folder), tempfile::tempdir()?);
    for _ in 0..2 {
        let journal = open(living.path())?;
        append(&journal, &[2], 10).await?;
        append(&journal, &[3, 4, 5], 100).await?;
        journal.stop();
    }
    let journal = open(living.path())?;
    append(&journal, &[6], 2000).await?;
    copy(living.path(), folder)?; // as a power cut would leave it
    journal.stop();
    let repaired = open(folder)?;
    append(&repaired, &[7], 0).await?;
    repaired.stop();
    for committed in repaired.read(Position(1))? {
        let committed = committed?;
        for (number, record) in committed.records.iter().enumerate() {
            let at = committed.first.plus(number as u64);
            println!("{at} {} {} {:02x?}", committed.epoch, record.kind, record.leaf());
        }
    }
    Ok(())
}
