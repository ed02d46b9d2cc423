//! Every limit, with its unit in its name and its reason beside it.

use std::time::Duration;

const KIB: usize = 1024;
const MIB: u64 = 1024 * 1024;

// ---- what one message may be ----

/// A header. It is on the hot path and read by everyone; what does not fit belongs into the body.
pub const HEADER_BYTES_MAX: usize = 16 * KIB;
/// Header, body and inline attachments together: an envelope with seal and framing then stays under 1 MiB.
pub const CONTENT_BYTES_MAX: usize = 960 * KIB;
/// One wire message in either direction; the transport is set to the same.
pub const WIRE_MESSAGE_BYTES_MAX: usize = 1024 * KIB;
/// Addresses of one message: more people than that are a group.
pub const RECIPIENTS_MAX: usize = 64;
/// Attachments of one message.
pub const ATTACHMENTS_MAX: usize = 32;
/// One inline attachment: larger ones would hold up the line behind them.
pub const ATTACHMENT_INLINE_BYTES_MAX: u64 = 256 * KIB as u64;
/// All attachments of one message: what a slow line carries in a night.
pub const ATTACHMENTS_BYTES_MAX: u64 = 20 * MIB;
/// One chunk of a blob on its way.
pub const BLOB_CHUNK_BYTES_MAX: usize = 64 * KIB;
/// One part of a bundle: an envelope, or the index of a bundle that is full.
pub const BUNDLE_PART_BYTES_MAX: usize = 2 * 1024 * KIB;
/// Messages in one bundle; what waits beyond them is said, and goes with the next.
pub const BUNDLE_MESSAGES_MAX: usize = 10_000;
/// Receipts in one bundle.
pub const BUNDLE_RECEIPTS_MAX: usize = 50_000;
/// The file of a bundle: what a small stick holds, and what is read in minutes.
pub const BUNDLE_BYTES_MAX: u64 = 2 * 1024 * MIB;
/// How long after a message came our receipts about it go into bundles for its sender: an island of a week still gets them.
pub const BUNDLE_RECEIPTS_FOR: Duration = Duration::from_hours(7 * 24);
/// The file of evidence of one message.
pub const EVIDENCE_BYTES_MAX: u64 = 32 * MIB;
/// Parts of a file of evidence.
pub const EVIDENCE_PARTS_MAX: usize = 10_000;
/// Leaves under one signature: a burst. The path then has at most eight hashes.
pub const SEAL_LEAVES_MAX: usize = 256;
/// A text, in characters, unless its field says otherwise.
pub const TEXT_CHARS_MAX: usize = 4_000;
/// A title, in characters.
pub const TITLE_CHARS_MAX: usize = 100;
/// A list, unless its field says otherwise.
pub const LIST_MAX: usize = 64;
/// A person's name, in characters.
pub const NAME_CHARS_MAX: usize = 100;
/// A telephone number, in characters.
pub const PHONE_CHARS_MAX: usize = 40;
/// The purpose of a message, in characters.
pub const PURPOSE_CHARS_MAX: usize = 400;
/// A language tag, in characters (BCP 47 names 35 as what must be supported).
pub const LANGUAGE_CHARS_MAX: usize = 35;
/// A trace context: a W3C traceparent has 55.
pub const TRACE_CONTEXT_CHARS_MAX: usize = 64;
/// Rules of agents in a row that may lead to a message.
pub const HOPS_MAX: u32 = 8;
/// A file name, in characters.
pub const FILE_NAME_CHARS_MAX: usize = 200;
/// A media type, in characters.
pub const MIME_CHARS_MAX: usize = 100;
/// Minutes that an offset from UTC may have.
pub const UTC_OFFSET_MIN_MAX: i32 = 840;
/// Points of a polygon: the header must hold it.
pub const POLYGON_POINTS_MAX: usize = 512;
/// Points of a territory in the directory: finer than any rule needs.
pub const TERRITORY_POINTS_MAX: usize = 4_096;
/// Polygons of a territory in the directory.
pub const TERRITORY_POLYGONS_MAX: usize = 64;
/// Radius of a circle, in metres; beyond it, plane geometry is no longer honest.
pub const RADIUS_M_MAX: u32 = 1_000_000;
/// By how much an area may be grown, in metres.
pub const BUFFER_M_MAX: u32 = 100_000;

// ---- ids ----

/// A jurisdiction's or a region's id, in bytes.
pub const JURISDICTION_ID_BYTES_MAX: usize = 32;
/// An agent's name within its jurisdiction, in bytes.
pub const AGENT_NAME_BYTES_MAX: usize = 32;
/// A document's id, in bytes.
pub const DOCUMENT_ID_BYTES_MAX: usize = 96;
/// Any other id (item, group, agreement, drill, grant), in bytes.
pub const ID_BYTES_MAX: usize = 64;

// ---- time ----

/// From sent to expiry: a journal then holds everything open within 35 days.
pub const LIFE_MAX: Duration = Duration::from_hours(30 * 24);
/// How long a message is known as a duplicate: the longest life and five days.
pub const DEDUPE: Duration = Duration::from_hours(35 * 24);
/// How long evidence is kept at least.
pub const EVIDENCE_MIN: Duration = Duration::from_hours(180 * 24);
/// Between the time in a message id and `sent_at`: they are read from one clock, a moment apart.
pub const ID_TIME_TOLERANCE: Duration = Duration::from_secs(1);
/// A sender's clock further off than this is flagged.
pub const CLOCK_SKEW_FLAGGED: Duration = Duration::from_mins(2);
/// A sender's clock further off than this is refused.
pub const CLOCK_SKEW_REFUSED: Duration = Duration::from_hours(1);
/// How long a number missing in an agent's sequence may be merely late.
pub const SEQUENCE_GAP: Duration = Duration::from_mins(2);
/// Missing numbers of one sequence that are remembered; more at once is a rollback, not a delay.
pub const SEQUENCE_HOLES_MAX: usize = 4_096;
/// How long a recipient waits for the message that another refers to.
pub const ORPHAN_WAIT: Duration = Duration::from_mins(10);
/// How long a drill stays open for its last words after ENDEX.
pub const DRILL_AFTER_ENDEX: Duration = Duration::from_hours(24);
/// How long an older incarnation that comes back counts as a clone.
pub const CLONE_WINDOW: Duration = Duration::from_mins(10);
/// No byte for this long: OFFLINE for people.
pub const OFFLINE_AFTER: Duration = Duration::from_secs(90);
/// The same on a satellite link.
pub const OFFLINE_AFTER_SATELLITE: Duration = Duration::from_mins(3);
/// How often an idle link gives a sign of life.
pub const HEARTBEAT: Duration = Duration::from_secs(10);
/// The same on a satellite link.
pub const HEARTBEAT_SATELLITE: Duration = Duration::from_mins(1);
/// What is on its way over a line is what it carries in this time: so long may something urgent wait behind it.
pub const IN_FLIGHT_FOR: Duration = Duration::from_secs(2);
/// Bytes that may be on their way whatever a line was seen to carry; the rate of a new line is learnt with them.
pub const IN_FLIGHT_BYTES_LEAST: u64 = 128 * KIB as u64;
/// The same where the line is said to be slow or a satellite's.
pub const IN_FLIGHT_BYTES_LEAST_SLOW: u64 = 4 * KIB as u64;
/// Bytes that may be on their way over the fastest line.
pub const IN_FLIGHT_BYTES_MAX: u64 = 16 * MIB;
/// How long a tombstone of a document item is remembered.
pub const TOMBSTONE: Duration = Duration::from_hours(35 * 24);

// ---- what one jurisdiction may use ----

/// FLASH messages an hour, unless its grant says otherwise; the rest is carried as IMMEDIATE.
pub const FLASH_PER_HOUR: u32 = 60;
/// Bytes kept from one sender that are not settled.
pub const STORED_BYTES_MAX: u64 = 256 * MIB;
/// Envelopes kept from one sender that are not settled.
pub const STORED_ENVELOPES_MAX: u64 = 100_000;
/// Envelopes a second, unless its grant says otherwise.
pub const ENVELOPES_PER_SECOND: u32 = 2_000;
/// Bytes a second, unless its grant says otherwise.
pub const BYTES_PER_SECOND: u64 = 32 * MIB;
/// Failed hand-overs until an envelope is DEAD; lost links do not count.
pub const TRIES_MAX: u32 = 5;

/// Bytes of attachments that a member may bring in a day.
pub const BLOB_BYTES_PER_DAY: u64 = 2 * 1024 * MIB;
/// Receipts of a member about messages that the broker does not know, in the time after which no message comes back: as
/// many as it holds when the broker lost its journal.
pub const UNKNOWN_RECEIPTS_MAX: u64 = 400_000;
/// Bytes of one session whose commit is awaited; beyond it nothing more is read from it, so that no member fills the
/// journal's queue.
pub const FLIGHT_BYTES_MAX: usize = 2 * 1024 * KIB;

// ---- what one process may use ----

/// Records of one commit.
pub const COMMIT_RECORDS_MAX: usize = 256;
/// Bytes of one commit.
pub const COMMIT_BYTES_MAX: usize = 1024 * KIB;
/// Connections of one listener; beyond it closed at accept.
pub const CONNECTIONS_MAX: usize = 1_024;
/// Connections of operators: they get in however many agents there are.
pub const CONNECTIONS_OF_OPERATORS_MAX: usize = 64;
/// Connections of one peer.
pub const CONNECTIONS_PER_PEER_MAX: usize = 8;
/// Connections of one address before it has shown who it is.
pub const CONNECTIONS_UNKNOWN_MAX: usize = 16;
/// Handshakes in flight.
pub const HANDSHAKES_MAX: usize = 64;
/// One handshake.
pub const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);
/// From the end of the handshake to the first whole request.
pub const FIRST_REQUEST_TIME_MAX: Duration = Duration::from_secs(10);
/// From the first frame of a request's headers to the last.
pub const HEADERS_TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes of content that must come within a time while a request is waited for: 1 KiB a second.
pub const REQUEST_PACE: (u64, Duration) = (10 * 1024, Duration::from_secs(10));
/// The same of an agent whose line is slow: it may be dark for half a minute, and then carry some 100 bytes a second.
pub const REQUEST_PACE_SLOW: (u64, Duration) = (4 * 1024, Duration::from_mins(1));
/// A connection on which no call is under way.
pub const IDLE_TIME_MAX: Duration = Duration::from_secs(30);
/// How long the other side may read nothing while something is to be said: a slow line empties its buffers meanwhile.
pub const STALLED_TIME_MAX: Duration = Duration::from_mins(1);
/// Frames of one connection that carry nothing (settings, ping, priority, window, reset), beside those that answer ours.
pub const CONTROL_FRAMES_PER_SECOND: u32 = 200;
/// Calls that one connection may begin: a stream that is refused because too many are open is begun as well.
pub const CALLS_PER_SECOND: u32 = 1_000;
/// Concurrent streams of one connection.
pub const STREAMS_MAX: u32 = 64;
/// Header list of one HTTP/2 request, in bytes.
pub const HTTP_HEADERS_BYTES_MAX: u32 = 8 * 1024;
/// Bytes held in memory for one slow recipient; the rest waits on disk.
pub const RECIPIENT_MEMORY_BYTES_MAX: usize = 4 * 1024 * KIB;
/// Bytes held in memory for all recipients together.
pub const RECIPIENTS_MEMORY_BYTES_MAX: usize = 256 * 1024 * KIB;
/// Rows of the store's overlay, in bytes: beyond it the committer answers busy.
pub const OVERLAY_BYTES_MAX: usize = 64 * 1024 * KIB;
/// Keys of one sled batch: a batch holds one lock for the whole process, and this many hold it for 4.5 ms at most.
pub const SPILL_KEYS_MAX: usize = 256;
/// Bytes of a revocation list that a member offers: some ten thousand serials.
pub const CRL_BYTES_MAX: usize = 512 * 1024;
/// Handshakes of one source that may fail before it must wait.
pub const FAILED_FREE: u32 = 16;
/// The longest wait after a failed handshake; it doubles from a second on.
pub const FAILED_WAIT_MAX: Duration = Duration::from_mins(1);
/// The same for a source from which somebody was let in before: a neighbour's noise must not keep it out.
pub const FAILED_WAIT_KNOWN: Duration = Duration::from_secs(1);
/// Failed handshakes are forgotten after this long without another.
pub const FAILED_FORGOTTEN: Duration = Duration::from_mins(10);
/// Hashes of a path or a consistency proof: a tree of 2⁶⁴ leaves needs no more.
pub const PROOF_HASHES_MAX: usize = 65;
/// Proofs that are made at a time.
pub const PROOFS_AT_A_TIME: usize = 4;
/// How long somebody waits for a turn: half of what an agent gives the broker.
pub const PROOF_WAIT: Duration = Duration::from_secs(5);
/// How often the head of an evidence tree is signed when the tree has grown.
pub const HEAD_EVERY: Duration = Duration::from_secs(10);
/// The least time between two heads that somebody asks for.
pub const HEAD_APART: Duration = Duration::from_secs(1);
/// Sources whose failed sign-ins or handshakes are remembered; the oldest leaves.
pub const FAILED_SOURCES_MAX: usize = 10_000;

// ---- the scheduler ----

/// Frames that may pass a waiting precedence before it is overdue; with three of them alternating with FLASH, each sends one in every 48.
pub const PASSED_MAX: u32 = 42;
/// The bound that follows from it: a waiting precedence with credit sends at least one frame in this many.
pub const STARVATION_BOUND: u32 = 48;
