//! Group commit.
use crate::{
    JournalError, Position,
    segment::{Shared, Waiting, Writer, lock},
};
use std::{
    io,
    sync::{Arc, PoisonError},
};
pub(crate) fn start(mut writer: Writer, shared: Arc<Shared>) -> io::Result<()> {
    #[expect(clippy::disallowed_methods)]
    std::thread::Builder::new().name("journal".into()).spawn(move || {
        while let Some(taken) = take(&shared) {
            let (batches, done): (Vec<_>, Vec<_>) = taken
                .into_iter()
                .map(|w| {
                    let n = w.batch.records.len();
                    ((w.batch.records, w.batch.ticket), (w.done, n))
                })
                .unzip();
            match writer.write(batches) {
                Ok(first) => {
                    let mut at = first;
                    for (tx, n) in done {
                        let _ = tx.send(Ok(at));
                        at = at.plus(n as u64);
                    }
                }
                Err(error) => {
                    let why: Arc<str> = error.to_string().into();
                    let mut q = lock(&shared.queue);
                    q.failed = Some(why.clone());
                    for (tx, _) in done {
                        let _ = tx.send(Err(JournalError::Failed(why.clone())));
                    }
                    for lane in &mut q.lanes {
                        for w in lane.drain(..) {
                            let _ = w.done.send(Err(JournalError::Failed(why.clone())));
                        }
                    }
                    return;
                }
            }
        }
        let _ = Position::START;
    })?;
    Ok(())
}
fn take(shared: &Shared) -> Option<Vec<Waiting>> {
    let mut q = lock(&shared.queue);
    loop {
        let (mut taken, mut records, mut bytes) = (Vec::new(), 0, 0);
        for lane in 0..3 {
            while let Some(w) =
                q.lanes.get_mut(lane).and_then(|l| if records < 256 && bytes < 1 << 20 { l.pop_front() } else { None })
            {
                records += w.batch.records.len();
                bytes += w.batch.records.iter().map(|r| r.bytes.len() + 16).sum::<usize>();
                taken.push(w);
            }
        }
        if !taken.is_empty() {
            q.bytes = q.bytes.saturating_sub(bytes);
            return Some(taken);
        }
        if q.stop {
            return None;
        }
        q = shared.more.wait(q).unwrap_or_else(PoisonError::into_inner);
    }
}
