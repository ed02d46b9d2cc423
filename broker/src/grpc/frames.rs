//! HTTP/2 frames as they pass by: their heads alone are read, to count what the library below does not bound.

/// Length of a frame's head.
const HEAD: usize = 9;
/// What a client says first.
const PREFACE: usize = 24;
/// The sorts that are not control.
mod sort {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const CONTINUATION: u8 = 9;
}
/// The block of headers ends with this frame.
const END_HEADERS: u8 = 4;
/// The content ends with this frame.
const END_STREAM: u8 = 1;

/// Follows one direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// Bytes of the preface that are still to come.
    preface: usize,
    head: [u8; HEAD],
    /// Bytes of the head that are here; a whole head means that its body is under way.
    have: usize,
    /// Bytes of the body that are still to come.
    left: usize,
    /// A block of headers has begun and not ended.
    in_headers: bool,
    last_stream: u32,
}

/// What some bytes held.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Seen {
    /// Bytes of content, also of frames that are not whole.
    pub data: u64,
    /// Frames of content.
    pub data_frames: u32,
    /// Blocks of headers that ended.
    pub blocks: u32,
    /// All other frames: settings, pings, priorities, windows, resets, content without any, and what nobody knows.
    pub control: u32,
}

impl Frames {
    /// What a client says.
    pub fn of_client() -> Self {
        Self { preface: PREFACE, ..Self::default() }
    }

    /// What a server says.
    pub fn of_server() -> Self {
        Self::default()
    }

    /// Whether a block of headers has begun and not ended.
    pub const fn in_headers(&self) -> bool {
        self.in_headers
    }

    /// Whether the next byte begins a frame.
    pub const fn at_boundary(&self) -> bool {
        self.preface == 0 && self.have == 0
    }

    /// The highest stream that headers named.
    pub const fn last_stream(&self) -> u32 {
        self.last_stream
    }

    /// Takes what comes next.
    pub fn take(&mut self, bytes: &[u8]) -> Seen {
        let mut seen = Seen::default();
        let mut rest = bytes.get(self.preface.min(bytes.len())..).unwrap_or_default();
        self.preface -= bytes.len() - rest.len();
        while !rest.is_empty() {
            rest = if self.have < HEAD { self.head(rest, &mut seen) } else { self.body(rest, &mut seen) };
        }
        seen
    }

    fn head<'b>(&mut self, bytes: &'b [u8], seen: &mut Seen) -> &'b [u8] {
        let (now, rest) = bytes.split_at(bytes.len().min(HEAD - self.have));
        let upto = self.have + now.len();
        if let Some(place) = self.head.get_mut(self.have..upto) {
            place.copy_from_slice(now);
        }
        self.have = upto;
        if self.have == HEAD {
            self.begun(seen);
        }
        rest
    }

    fn begun(&mut self, seen: &mut Seen) {
        let [a, b, c, sort, flags, stream @ ..] = self.head;
        self.left = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        match sort {
            sort::DATA if self.left == 0 && flags & END_STREAM == 0 => seen.control += 1,
            sort::DATA => seen.data_frames += 1,
            sort::HEADERS => {
                self.in_headers = true;
                self.last_stream = self.last_stream.max(u32::from_be_bytes(stream) & (u32::MAX >> 1));
            }
            sort::CONTINUATION => {}
            _ => seen.control += 1,
        }
        if self.left == 0 {
            self.ended(seen);
        }
    }

    fn body<'b>(&mut self, bytes: &'b [u8], seen: &mut Seen) -> &'b [u8] {
        let (now, rest) = bytes.split_at(bytes.len().min(self.left));
        self.left -= now.len();
        if matches!(self.head, [_, _, _, sort::DATA, ..]) {
            seen.data += now.len() as u64;
        }
        if self.left == 0 {
            self.ended(seen);
        }
        rest
    }

    fn ended(&mut self, seen: &mut Seen) {
        self.have = 0;
        let [_, _, _, sort, flags, ..] = self.head;
        if matches!(sort, sort::HEADERS | sort::CONTINUATION) && flags & END_HEADERS != 0 {
            self.in_headers = false;
            seen.blocks += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(sort: u8, flags: u8, stream: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&length[1..], &[sort, flags], &stream.to_be_bytes(), body].concat()
    }

    /// A client's words: a request in two blocks of headers, with content, among frames of every other sort.
    fn words() -> Vec<u8> {
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let mut all = vec![preface, frame(4, 0, 0, &[]), frame(1, 0, 5, b"abc"), frame(9, 4, 5, b"defg")];
        all.extend([frame(0, 0, 5, &[7; 300]), frame(0, 1, 5, &[])]);
        all.extend([2, 3, 6, 8, 77].map(|sort| frame(sort, 0, 5, &[0; 8])));
        all.concat()
    }

    proptest! {
        #[test]
        fn frames_are_counted_alike_however_the_bytes_are_cut(cuts in proptest::collection::vec(1usize..40, 1..400)) {
            let words = words();
            let (mut frames, mut all, mut rest) = (Frames::of_client(), Seen::default(), &words[..]);
            for cut in cuts.into_iter().chain(std::iter::once(usize::MAX)) {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                let seen = frames.take(now);
                all.data += seen.data;
                all.data_frames += seen.data_frames;
                all.blocks += seen.blocks;
                all.control += seen.control;
                rest = later;
            }
            prop_assert_eq!(all, Seen { data: 300, data_frames: 2, blocks: 1, control: 6 });
            prop_assert!(frames.at_boundary() && !frames.in_headers());
            prop_assert_eq!(frames.last_stream(), 5);
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let seen = Frames::of_server().take(&bytes);
            prop_assert!(seen.data <= bytes.len() as u64);
        }
    }

    #[test]
    fn headers_that_do_not_end_are_known_from_their_first_frame_on() {
        let mut frames = Frames::of_server();
        frames.take(&frame(1, 0, 1, b"a")[..9]);
        assert!(frames.in_headers() && !frames.at_boundary());
        frames.take(b"a");
        assert!(frames.in_headers() && frames.at_boundary(), "another frame is to come");
        assert_eq!(frames.take(&frame(9, 4, 1, b"")).blocks, 1);
        assert!(!frames.in_headers());
    }
}
