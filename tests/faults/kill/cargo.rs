//! What messages carry beside their text: nothing, files inside, files beside.

use bytes::Bytes;
use proto::v1;
use sha2::{Digest as _, Sha256};

use crate::world::dice::Dice;

/// What a run sends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Load {
    /// A line of text.
    Small,
    /// From a line of text to nearly the limit of a message, and attachments beside.
    OfAllSizes,
}

/// What one message carries.
#[derive(Clone, Debug)]
pub enum Cargo {
    Nothing,
    /// Files inside the sealed content.
    Inside(Vec<Bytes>),
    /// A file beside it, by its digest.
    Beside(Bytes),
}

/// As large as a file inside a message may be.
const INSIDE_MOST: u64 = 256 * 1024;
/// As large as files beside messages are here.
const BESIDE_MOST: u64 = 2 << 20;

impl Load {
    /// More than this never waits for its recipient: a backlog without bound proves nothing.
    pub fn backlog_most(self) -> usize {
        match self {
            Self::Small => 400,
            Self::OfAllSizes => 100,
        }
    }

    /// What the next message carries: mostly nothing, now and then much.
    pub fn throw(self, dice: &mut Dice) -> Cargo {
        if self == Self::Small {
            return Cargo::Nothing;
        }
        match dice.below(40) {
            0..30 => Cargo::Nothing,
            30..36 => Cargo::Inside(vec![file(dice, 1, 32 * 1024)]),
            36..38 => Cargo::Inside(vec![file(dice, INSIDE_MOST - 1_024, INSIDE_MOST); 3]),
            _ => Cargo::Beside(file(dice, 1, BESIDE_MOST)),
        }
    }
}

/// A file of a length between the two, unlike every other.
fn file(dice: &mut Dice, least: u64, most: u64) -> Bytes {
    let bytes = usize::try_from(least + dice.below(most - least)).unwrap();
    let words = std::iter::repeat_with(|| dice.throw().to_le_bytes()).take(bytes.div_ceil(8));
    words.flatten().take(bytes).collect::<Vec<u8>>().into()
}

impl Cargo {
    /// The draft with this on it.
    pub fn on(&self, mut draft: v1::Draft) -> v1::Draft {
        let listed = match self {
            Self::Nothing => Vec::new(),
            Self::Inside(files) => {
                draft.inline.clone_from(files);
                files.iter().map(|file| listed(file, v1::Placement::Inline)).collect()
            }
            Self::Beside(file) => vec![listed(file, v1::Placement::Blob)],
        };
        draft.header.get_or_insert_default().attachments = listed;
        draft
    }
}

fn listed(file: &Bytes, placement: v1::Placement) -> v1::Attachment {
    v1::Attachment {
        name: "现场.jpg".into(),
        mime: "image/jpeg".into(),
        bytes: file.len() as u64,
        sha256: Sha256::digest(file).to_vec().into(),
        placement: placement.into(),
    }
}
