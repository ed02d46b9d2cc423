//! R13: no program uses more than its limits, and whoever is refused for want of space is told why.

use crate::checker::event::{Event, Failed, Line, Refused, Sample};
use crate::checker::history::History;
use crate::checker::{Rule, Violation};

/// What a program of a small region may use; every limit in one place.
pub struct Limits {
    pub peak_bytes: u64,
    pub descriptors: u64,
    pub threads: u64,
}

/// For all programs alike, so that a leak is seen and a busy minute is not.
///
/// - Memory: the design bounds the rows that wait in memory (64 MiB) and what is held for recipients (256 MiB in all); 60 MiB
///   are there at rest, the rest is for sled and a journal that is folded again. A hundred kills with five thousand messages
///   saw 104 MiB at most, and more with a longer journal.
/// - Descriptors: the same run saw 56, one for each connection and for each file that is open, and no more for a journal of a
///   hundred segments than for one of thirty. The usual limit of the system is 1,024.
/// - Threads: the same run saw 18: workers of the runtime, journal, store and sled. Those that block come and go; 64 are more
///   than two cores can use, and far below the 512 that the runtime would allow.
pub const LIMITS: Limits = Limits { peak_bytes: 512 << 20, descriptors: 256, threads: 64 };

/// R13: every sample is within the limits; every failure and every refusal names its reason.
pub fn bounds(history: &History<'_>) -> Vec<Violation> {
    history.lines.iter().filter_map(beyond).collect()
}

fn beyond(line: &Line) -> Option<Violation> {
    let says = match &line.event {
        Event::Sample(sample) => too_much(sample)?,
        Event::Fail(Failed { id, code, .. }) | Event::Refuse(Refused { id, code }) if code.is_empty() => {
            format!("{id} was refused without a reason")
        }
        _ => return None,
    };
    Some(Violation::new(Rule::R13Bounds, says, [line]))
}

fn too_much(Sample { program, peak_bytes, descriptors, threads }: &Sample) -> Option<String> {
    let used = [
        ("bytes of memory", *peak_bytes, LIMITS.peak_bytes),
        ("descriptors", *descriptors, LIMITS.descriptors),
        ("threads", *threads, LIMITS.threads),
    ];
    let (what, used, most) = used.into_iter().find(|(_, used, most)| used > most)?;
    Some(format!("{program} used {used} {what}, {most} at most"))
}
