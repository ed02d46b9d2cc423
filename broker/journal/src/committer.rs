//! Group commit: while one sync runs, the next batch gathers by itself.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use model::position::Position;
use tokio::sync::oneshot;

use crate::{
    JournalError,
    format::{APPEND_BYTES_MAX, FRAME_BYTES},
    mark::Marker,
    record::{Lane, Record, RecordBatch},
    shelf::{Ended, Shelf},
    writer::{Append, WriteError, Writer},
};

/// What may wait, in bytes of frames. The last quarter is for settling records.
const CHANNEL_BYTES: usize = 32 << 20;
const OPEN_BYTES: usize = CHANNEL_BYTES / 4 * 3;
/// A commit has no more; an append that alone has more gets a commit of its own.
const COMMIT_RECORDS: usize = 256;
const COMMIT_BYTES: usize = 1 << 20;

type Answer = Result<Position, JournalError>;

#[derive(Debug)]
struct Waiting {
    append: Append,
    bytes: usize,
    answer: oneshot::Sender<Answer>,
}

/// Appends that wait for the committer.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct State {
    settling: VecDeque<Waiting>,
    flash: VecDeque<Waiting>,
    normal: VecDeque<Waiting>,
    bytes: usize,
    /// The first of this lane did not fit into the last commit: it begins the next.
    left_over: Option<Lane>,
    stops: bool,
    failed: Option<Arc<str>>,
}

impl State {
    fn lane(&mut self, lane: Lane) -> &mut VecDeque<Waiting> {
        match lane {
            Lane::Settling => &mut self.settling,
            Lane::Flash => &mut self.flash,
            Lane::Normal => &mut self.normal,
        }
    }

    fn refuses(&self, lane: Lane, bytes: usize) -> Option<JournalError> {
        let room = if lane == Lane::Settling { CHANNEL_BYTES } else { OPEN_BYTES };
        match &self.failed {
            Some(why) => Some(JournalError::Failed(why.clone())),
            None if self.stops => Some(JournalError::Stopped),
            None if self.bytes + bytes > room => Some(JournalError::Busy),
            None => None,
        }
    }

    /// What the next commit takes.
    fn take(&mut self) -> Vec<Waiting> {
        let mut load = Load::default();
        if let Some(waiting) = self.left_over.take().and_then(|lane| self.lane(lane).pop_front()) {
            load.add(waiting);
        }
        for lane in [Lane::Settling, Lane::Flash, Lane::Normal] {
            while let Some(waiting) = self.lane(lane).pop_front_if(|next| load.has_room_for(next)) {
                load.add(waiting);
            }
            if !load.is_full() && !self.lane(lane).is_empty() {
                self.left_over.get_or_insert(lane); // else small ones could pass it for ever
            }
        }
        self.bytes = self.bytes.saturating_sub(load.bytes);
        load.taken
    }
}

/// What one commit takes.
#[derive(Debug, Default)]
struct Load {
    taken: Vec<Waiting>,
    records: usize,
    bytes: usize,
}

impl Load {
    fn is_full(&self) -> bool {
        self.records >= COMMIT_RECORDS || self.bytes >= COMMIT_BYTES
    }

    fn has_room_for(&self, next: &Waiting) -> bool {
        let fits =
            self.records + next.append.records.len() <= COMMIT_RECORDS && self.bytes + next.bytes <= COMMIT_BYTES;
        fits || self.taken.is_empty()
    }

    fn add(&mut self, waiting: Waiting) {
        self.records += waiting.append.records.len();
        self.bytes += waiting.bytes;
        self.taken.push(waiting);
    }
}

fn bytes_of(records: &[Record]) -> usize {
    records.iter().map(|record| FRAME_BYTES + record.bytes.len()).sum()
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts records in line; the answer comes when they are durable, or never will be.
    pub fn push(&self, batch: RecordBatch) -> Result<oneshot::Receiver<Answer>, JournalError> {
        let bytes = bytes_of(&batch.records);
        if bytes > APPEND_BYTES_MAX {
            return Err(JournalError::TooLarge);
        }
        if let Some(refusal) = self.lock().refuses(batch.lane, bytes) {
            return Err(refusal); // before the leaves are made
        }
        let append = Append::new(batch.records, batch.ticket);
        let (answer, answered) = oneshot::channel();
        let mut state = self.lock();
        if let Some(refusal) = state.refuses(batch.lane, bytes) {
            return Err(refusal);
        }
        state.bytes += bytes;
        state.lane(batch.lane).push_back(Waiting { append, bytes, answer });
        drop(state);
        self.more.notify_one();
        Ok(answered)
    }

    /// Nothing more is taken; what waits is still written.
    pub fn stop(&self) {
        self.lock().stops = true;
        self.more.notify_all();
    }

    /// Why nothing is taken any more, if something failed.
    pub fn failed(&self) -> Option<Arc<str>> {
        self.lock().failed.clone()
    }

    /// Nothing is taken any more and nothing that waits is written. The first reason stays.
    pub fn fail(&self, why: &Arc<str>) {
        let mut state = self.lock();
        if state.failed.is_none() {
            tracing::error!(%why, "the journal has failed and takes nothing any more");
            state.failed = Some(why.clone());
        }
        let all = [Lane::Settling, Lane::Flash, Lane::Normal].map(|lane| std::mem::take(state.lane(lane)));
        drop(state);
        self.more.notify_all();
        all.into_iter().flatten().for_each(|waiting| tell(waiting.answer, Err(JournalError::Failed(why.clone()))));
    }

    /// What to write next; none when the journal stops or has failed.
    fn next(&self) -> Option<Vec<Waiting>> {
        let mut state = self.lock();
        loop {
            let taken = state.take();
            if !taken.is_empty() {
                return Some(taken);
            }
            if state.stops || state.failed.is_some() {
                return None;
            }
            state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The committer's thread. It is the only one that writes, and says so to everybody when it can no more.
pub(crate) fn run(mut writer: Writer, queue: &Queue, shelf: &Shelf, marker: &Marker) {
    while let Some(taken) = queue.next() {
        let (answers, appends) = apart(taken);
        match writer.write(appends) {
            Ok(first) => {
                marker.note(writer.mark());
                tell_all(answers, first);
            }
            Err(WriteError::NoSpace(error)) => {
                tracing::error!(%error, "no room for another segment; callers are told to come again");
                tell_none(answers, &JournalError::Busy);
            }
            Err(WriteError::Fatal(error)) => {
                let why = Arc::from(error.to_string());
                queue.fail(&why);
                tell_none(answers, &JournalError::Failed(why));
            }
        }
    }
    if let Some(why) = queue.failed() {
        marker.give_up();
        shelf.end(Ended::Failed(why));
    } else {
        writer.close();
        marker.stop();
        shelf.end(Ended::Stopped);
    }
}

fn apart(taken: Vec<Waiting>) -> (Vec<(oneshot::Sender<Answer>, u64)>, Vec<Append>) {
    let part = |waiting: Waiting| ((waiting.answer, waiting.append.records.len() as u64), waiting.append);
    taken.into_iter().map(part).unzip()
}

fn tell_all(answers: Vec<(oneshot::Sender<Answer>, u64)>, first: Position) {
    let mut next = first;
    for (answer, count) in answers {
        tell(answer, Ok(next));
        next = next.plus(count);
    }
}

fn tell_none(answers: Vec<(oneshot::Sender<Answer>, u64)>, why: &JournalError) {
    for (answer, _) in answers {
        tell(answer, Err(why.clone()));
    }
}

fn tell(answer: oneshot::Sender<Answer>, what: Answer) {
    if answer.send(what).is_err() {
        tracing::trace!("whoever appended has gone away; the records count all the same");
    }
}

#[cfg(test)]
mod tests {
    use model::time::Timestamp;

    use super::*;
    use crate::record::Ticket;

    const MIB: usize = 1 << 20;

    fn batch(lane: Lane, bytes: usize) -> RecordBatch {
        RecordBatch { records: vec![Record::new(2, Timestamp::EPOCH, vec![0; bytes])], lane, ticket: Ticket(1) }
    }

    fn lanes_of(taken: &[Waiting]) -> Vec<usize> {
        taken.iter().map(|waiting| waiting.append.records[0].bytes.len()).collect()
    }

    #[test]
    fn settling_goes_first_then_flash_then_the_rest_each_in_order() {
        let queue = Queue::default();
        for (lane, mark) in
            [(Lane::Normal, 5), (Lane::Flash, 3), (Lane::Normal, 6), (Lane::Settling, 1), (Lane::Flash, 4)]
        {
            drop(queue.push(batch(lane, mark)).unwrap());
        }
        assert_eq!(lanes_of(&queue.next().unwrap()), [1, 3, 4, 5, 6]);
    }

    #[test]
    fn a_commit_takes_at_most_so_many_records_or_bytes() {
        let queue = Queue::default();
        (0..300).for_each(|_| drop(queue.push(batch(Lane::Normal, 1)).unwrap()));
        assert_eq!(queue.next().unwrap().len(), 256);
        assert_eq!(queue.next().unwrap().len(), 44);
        (0..4).for_each(|_| drop(queue.push(batch(Lane::Normal, MIB / 2 - 100)).unwrap()));
        assert_eq!(queue.next().unwrap().len(), 2);
    }

    #[test]
    fn an_append_that_would_pass_the_bounds_of_a_commit_waits_for_the_next() {
        let queue = Queue::default();
        let records = |count| RecordBatch {
            records: vec![Record::new(2, Timestamp::EPOCH, vec![0]); count],
            ..batch(Lane::Normal, 1)
        };
        (0..5).for_each(|_| drop(queue.push(records(60)).unwrap()));
        let taken =
            |queue: &Queue| -> usize { queue.next().unwrap().iter().map(|waiting| waiting.append.records.len()).sum() };
        assert_eq!((taken(&queue), taken(&queue)), (240, 60));
        drop(queue.push(batch(Lane::Normal, MIB - 100)).unwrap());
        drop(queue.push(batch(Lane::Normal, 7 * MIB)).unwrap());
        assert_eq!(lanes_of(&queue.next().unwrap()), [MIB - 100]);
        assert_eq!(lanes_of(&queue.next().unwrap()), [7 * MIB], "alone");
    }

    #[test]
    fn a_long_append_is_not_passed_for_ever_by_more_urgent_short_ones() {
        let queue = Queue::default();
        drop(queue.push(batch(Lane::Normal, 7 * MIB)).unwrap());
        let next = || {
            drop(queue.push(batch(Lane::Settling, 1)).unwrap());
            lanes_of(&queue.next().unwrap())
        };
        assert_eq!(next(), [1]);
        assert_eq!(next(), [7 * MIB]);
        assert_eq!(next(), [1, 1]);
    }

    #[test]
    fn a_full_channel_is_busy_and_keeps_a_quarter_for_settling() {
        let queue = Queue::default();
        let fill = |lane| (0..100).take_while(|_| queue.push(batch(lane, 4 * MIB)).is_ok()).count();
        assert_eq!(fill(Lane::Normal), 5, "24 MiB with frames");
        assert!(matches!(queue.push(batch(Lane::Flash, 4 * MIB)), Err(JournalError::Busy)));
        assert_eq!(fill(Lane::Settling), 2, "up to 32 MiB");
        assert!(matches!(queue.push(batch(Lane::Settling, 4 * MIB)), Err(JournalError::Busy)), "the hard end");
        queue.next().unwrap();
        assert!(queue.push(batch(Lane::Settling, 4 * MIB)).is_ok(), "room comes back");
    }

    #[test]
    fn what_waits_when_it_fails_is_told_so() {
        let queue = Queue::default();
        let mut answered = queue.push(batch(Lane::Normal, 1)).unwrap();
        queue.fail(&Arc::from("for the test"));
        assert!(matches!(answered.try_recv(), Ok(Err(JournalError::Failed(_)))));
        assert!(queue.next().is_none());
        assert!(matches!(queue.push(batch(Lane::Settling, 1)), Err(JournalError::Failed(_))));
    }

    #[test]
    fn an_append_that_is_too_large_is_refused() {
        let queue = Queue::default();
        assert!(matches!(queue.push(batch(Lane::Settling, 8 * MIB)), Err(JournalError::TooLarge)));
    }
}
