//! One index file: pages with a CRC each, a filter, entries sorted by id. FORMAT.md §3 has the bytes.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use model::position::Position;

use super::{Id, Kind, Span, id_time};
use crate::{
    fault::Fault,
    hash::hash,
    row::{Fields, crc},
    sieve::{self, BLOCK_WORDS},
};

const PAGE_BYTES: usize = 4_096;
const CONTENT_BYTES: usize = PAGE_BYTES - 4;
const BLOCK_BYTES: usize = BLOCK_WORDS * 8;
const BLOCKS_PER_PAGE: usize = CONTENT_BYTES / BLOCK_BYTES;
const MAGIC: &[u8; 8] = b"LDCLOSED";
const FORMAT: u16 = 1;

/// What the header page says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Header {
    kind: Kind,
    span: Span,
    times: (u64, u64),
    entries: u64,
    filter_pages: u32,
    entry_pages: u32,
}

/// An index file whose header was read and found good.
#[derive(Clone, Debug)]
pub(crate) struct IndexFile {
    path: PathBuf,
    header: Header,
}

/// The bytes of an index file.
pub(crate) fn encode(kind: Kind, span: Span, entries: &BTreeMap<Id, Bytes>) -> Vec<u8> {
    let filter = filter_pages(entries);
    let pages = entry_pages(entries);
    let times = || entries.keys().map(id_time);
    let header = Header {
        kind,
        span,
        times: (times().min().unwrap_or(0), times().max().unwrap_or(0)),
        entries: entries.len() as u64,
        filter_pages: filter.len() as u32,
        entry_pages: pages.len() as u32,
    };
    let contents = std::iter::once(header.encode()).chain(filter).chain(pages);
    let mut file = Vec::new();
    for (number, mut content) in contents.enumerate() {
        content.resize(CONTENT_BYTES, 0);
        file.extend_from_slice(&content);
        file.extend_from_slice(&page_crc(span, number as u32, &content).to_be_bytes());
    }
    file
}

fn filter_pages(entries: &BTreeMap<Id, Bytes>) -> Vec<Vec<u8>> {
    let blocks = sieve::blocks_for(entries.len());
    let mut pages = vec![vec![0; CONTENT_BYTES]; blocks.div_ceil(BLOCKS_PER_PAGE)];
    let blocks = pages.len() * BLOCKS_PER_PAGE;
    for id in entries.keys() {
        let (block, masks) = sieve::place(hash(&[id]), blocks);
        let page = pages.get_mut(block / BLOCKS_PER_PAGE);
        let held = page.and_then(|page| page.get_mut((block % BLOCKS_PER_PAGE) * BLOCK_BYTES..));
        let bytes = masks.iter().flat_map(|mask| mask.to_le_bytes());
        held.into_iter().flatten().zip(bytes).for_each(|(byte, mask)| *byte |= mask);
    }
    pages
}

fn entry_pages(entries: &BTreeMap<Id, Bytes>) -> Vec<Vec<u8>> {
    let mut pages = Vec::new();
    let (mut page, mut count) = (vec![0; 2], 0_u16);
    for (id, value) in entries {
        if page.len() + id.len() + 2 + value.len() > CONTENT_BYTES {
            pages.push(close_page(std::mem::replace(&mut page, vec![0; 2]), count));
            count = 0;
        }
        page.extend_from_slice(id);
        page.extend_from_slice(&(value.len() as u16).to_be_bytes());
        page.extend_from_slice(value);
        count += 1;
    }
    if count > 0 {
        pages.push(close_page(page, count));
    }
    pages
}

fn close_page(mut page: Vec<u8>, count: u16) -> Vec<u8> {
    if let Some(head) = page.first_chunk_mut::<2>() {
        *head = count.to_be_bytes();
    }
    page
}

fn page_crc(span: Span, number: u32, content: &[u8]) -> u32 {
    crc(&[&span.first.0.to_be_bytes(), &span.last.0.to_be_bytes(), &number.to_be_bytes(), content])
}

impl Header {
    fn encode(&self) -> Vec<u8> {
        let mut page = Vec::with_capacity(CONTENT_BYTES);
        page.extend_from_slice(MAGIC);
        page.extend_from_slice(&FORMAT.to_be_bytes());
        page.push(self.kind as u8);
        for number in [self.span.first.0, self.span.last.0, self.times.0, self.times.1, self.entries] {
            page.extend_from_slice(&number.to_be_bytes());
        }
        page.extend_from_slice(&self.filter_pages.to_be_bytes());
        page.extend_from_slice(&self.entry_pages.to_be_bytes());
        page
    }

    fn decode(content: &[u8]) -> Option<Self> {
        let mut fields = Fields(content);
        if fields.take::<8>()? != *MAGIC || u16::from_be_bytes(fields.take()?) != FORMAT {
            return None;
        }
        let [kind] = fields.take()?;
        Some(Self {
            kind: Kind::of(kind)?,
            span: Span { first: Position(fields.number()?), last: Position(fields.number()?) },
            times: (fields.number()?, fields.number()?),
            entries: fields.number()?,
            filter_pages: u32::from_be_bytes(fields.take()?),
            entry_pages: u32::from_be_bytes(fields.take()?),
        })
    }

    fn file_bytes(&self) -> u64 {
        (1 + u64::from(self.filter_pages) + u64::from(self.entry_pages)) * PAGE_BYTES as u64
    }
}

impl IndexFile {
    /// Reads and checks the header of the file that `span` names.
    pub fn open(path: PathBuf, span: Span) -> Result<Self, Fault> {
        let open = fs::File::open(&path).map_err(|error| failed(&path, &error))?;
        let content = read_page(&open, &path, span, 0)?;
        let header = Header::decode(&content).filter(|header| header.span == span).ok_or_else(|| damaged(&path, 0))?;
        let length = open.metadata().map_err(|error| failed(&path, &error))?.len();
        if length != header.file_bytes() {
            return Err(Fault::Damaged(format!("{} has {length} bytes, not {}", path.display(), header.file_bytes())));
        }
        Ok(Self { path, header })
    }

    /// The positions whose entries it holds.
    pub fn span(&self) -> Span {
        self.header.span
    }

    /// Whether its entries belong in memory.
    pub fn kind(&self) -> Kind {
        self.header.kind
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The time of its newest id, ms since 1970.
    pub fn newest_time(&self) -> u64 {
        self.header.times.1
    }

    /// The entry of `id`, if this file has one. Asks the disk only if the times and the filter allow it.
    pub fn find(&self, id: &Id) -> Result<Option<Bytes>, Fault> {
        let (oldest, newest) = self.header.times;
        if self.header.entry_pages == 0 || !(oldest..=newest).contains(&id_time(id)) {
            return Ok(None);
        }
        let open = fs::File::open(&self.path).map_err(|error| failed(&self.path, &error))?;
        if self.sieve_allows(&open, id)? { self.halve(&open, id) } else { Ok(None) }
    }

    fn sieve_allows(&self, open: &fs::File, id: &Id) -> Result<bool, Fault> {
        let (block, masks) = sieve::place(hash(&[id]), self.header.filter_pages as usize * BLOCKS_PER_PAGE);
        let page = read_page(open, &self.path, self.span(), 1 + (block / BLOCKS_PER_PAGE) as u32)?;
        let held = page.get((block % BLOCKS_PER_PAGE) * BLOCK_BYTES..).unwrap_or_default();
        let (words, _) = held.as_chunks::<8>();
        Ok(words.iter().zip(masks).all(|(word, mask)| u64::from_le_bytes(*word) & mask == mask))
    }

    fn halve(&self, open: &fs::File, id: &Id) -> Result<Option<Bytes>, Fault> {
        let (mut low, mut high) = (0, self.header.entry_pages);
        while low < high {
            let middle = low + (high - low) / 2;
            let entries = self.entries(open, middle)?;
            match (entries.first(), entries.last()) {
                (Some((first, _)), _) if id < first => high = middle,
                (_, Some((last, _))) if id > last => low = middle + 1,
                _ => return Ok(entries.into_iter().find_map(|(known, value)| (known == *id).then_some(value))),
            }
        }
        Ok(None)
    }

    fn entries(&self, open: &fs::File, page: u32) -> Result<Vec<(Id, Bytes)>, Fault> {
        let number = 1 + self.header.filter_pages + page;
        let content = read_page(open, &self.path, self.span(), number)?;
        entries_of(&content.into()).ok_or_else(|| damaged(&self.path, number))
    }

    /// Every entry, every page checked.
    pub fn load(&self) -> Result<BTreeMap<Id, Bytes>, Fault> {
        let open = fs::File::open(&self.path).map_err(|error| failed(&self.path, &error))?;
        for page in 0..self.header.filter_pages {
            read_page(&open, &self.path, self.span(), 1 + page)?;
        }
        let mut entries = BTreeMap::new();
        for page in 0..self.header.entry_pages {
            // copied out, so that one entry does not keep a page alive
            entries
                .extend(self.entries(&open, page)?.into_iter().map(|(id, value)| (id, Bytes::copy_from_slice(&value))));
        }
        if entries.len() as u64 == self.header.entries { Ok(entries) } else { Err(damaged(&self.path, 0)) }
    }
}

fn entries_of(content: &Bytes) -> Option<Vec<(Id, Bytes)>> {
    let mut fields = Fields(content);
    let count = u16::from_be_bytes(fields.take()?);
    (0..count).map(|_| Some((fields.take()?, content.slice_ref(fields.bytes()?)))).collect()
}

fn read_page(open: &fs::File, path: &Path, span: Span, number: u32) -> Result<Vec<u8>, Fault> {
    let mut page = vec![0; PAGE_BYTES];
    match open.read_exact_at(&mut page, u64::from(number) * PAGE_BYTES as u64) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(damaged(path, number)),
        Err(error) => return Err(failed(path, &error)),
    }
    let written = page.split_off(CONTENT_BYTES);
    if written.first_chunk().copied().map(u32::from_be_bytes) == Some(page_crc(span, number, &page)) {
        Ok(page)
    } else {
        Err(damaged(path, number))
    }
}

fn damaged(path: &Path, page: u32) -> Fault {
    Fault::Damaged(format!("page {page} of {}", path.display()))
}

fn failed(path: &Path, error: &io::Error) -> Fault {
    let text = format!("{}: {error}", path.display());
    if error.kind() == io::ErrorKind::NotFound { Fault::Damaged(text) } else { Fault::Failed(text) }
}
