//! Files of blocks: the RLP of each, one after the other, as geth imports and exports them.

use crate::{Chain, ChainReader, Error, Imported};
use alloy_primitives::B256;
use alloy_rlp::Encodable;
use heddle_types::{Block, DecodeError, decode_block};
use std::io::{self, Read, Write};

/// The longest block that is read: several times what any chain has made, so that a broken length
/// does not fill the memory.
const BLOCK_BYTES_MAX: usize = 64 << 20;
/// The longest prefix of an RLP list: its first byte and a length of eight.
const PREFIX_BYTES_MAX: usize = 9;

/// How far an import or export has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Blocks done.
    pub blocks: u64,
    /// Of these, how many the chain had already.
    pub known: u64,
    /// Bytes done.
    pub bytes: u64,
    /// Gas of the blocks done.
    pub gas: u64,
    /// Height of the last one.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
}

/// Why a file of blocks cannot be imported or exported.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("reading the block file failed at byte {offset}")]
    Read {
        /// Where.
        offset: u64,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// It cannot be written.
    #[error("writing the block file failed at block {number}")]
    Write {
        /// The block.
        number: u64,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// What is there is no block.
    #[error(
        "there is no whole block at byte {offset} of the file ({after} blocks before it were imported); is the file damaged or cut off?"
    )]
    Encoding {
        /// Where the block begins.
        offset: u64,
        /// Blocks before it.
        after: u64,
        /// What is wrong.
        #[source]
        source: DecodeError,
    },
    /// A block that is longer than any is.
    #[error(
        "at byte {offset} of the file begins a block of {bytes} bytes, which is more than is read ({BLOCK_BYTES_MAX}); is the file damaged?"
    )]
    TooLong {
        /// Where the block begins.
        offset: u64,
        /// Its length.
        bytes: usize,
    },
    /// The chain refuses a block.
    #[error("block {number} at byte {offset} of the file cannot be imported")]
    Block {
        /// Its height.
        number: u64,
        /// Where it begins.
        offset: u64,
        /// Why.
        #[source]
        source: Error,
    },
    /// The chain cannot be read.
    #[error("block {number} cannot be exported")]
    Export {
        /// The height.
        number: u64,
        /// Why.
        #[source]
        source: Error,
    },
}

/// Imports all blocks of a file, in order. `progress` is told of each.
///
/// # Errors
///
/// See [`FileError`]. The blocks before the one in error stay imported.
pub fn import_blocks(
    chain: &Chain,
    file: impl Read,
    mut progress: impl FnMut(&Progress),
) -> Result<Progress, FileError> {
    let mut blocks = BlockFile { file, offset: 0, blocks: 0 };
    let mut done = Progress::default();
    while let Some((offset, block)) = blocks.next()? {
        let (number, hash, gas) =
            (block.header.number, block.header.hash_slow(), block.header.gas_used);
        let imported =
            chain.import(block).map_err(|source| FileError::Block { number, offset, source })?;
        done = Progress {
            blocks: done.blocks + 1,
            known: done.known + u64::from(imported == Imported::Known),
            bytes: blocks.offset,
            gas: done.gas.saturating_add(gas),
            number,
            hash,
        };
        progress(&done);
    }
    Ok(done)
}

/// Writes the canonical blocks from `first` to `last`, both included. `progress` is told of each.
///
/// # Errors
///
/// See [`FileError`].
pub fn export_blocks(
    reader: &ChainReader,
    first: u64,
    last: u64,
    mut file: impl Write,
    mut progress: impl FnMut(&Progress),
) -> Result<Progress, FileError> {
    let mut done = Progress::default();
    let mut bytes = Vec::new();
    for number in first..=last {
        let block = reader.block(number).and_then(|block| block.ok_or(Error::NoBlock(number)));
        let block = block.map_err(|source| FileError::Export { number, source })?;
        bytes.clear();
        block.block.encode(&mut bytes);
        file.write_all(&bytes).map_err(|source| FileError::Write { number, source })?;
        done = Progress {
            blocks: done.blocks + 1,
            known: 0,
            bytes: done.bytes + bytes.len() as u64,
            gas: done.gas.saturating_add(block.block.header.gas_used),
            number,
            hash: block.hash,
        };
        progress(&done);
    }
    file.flush().map_err(|source| FileError::Write { number: last, source })?;
    Ok(done)
}

/// A file of blocks, read one block at a time.
struct BlockFile<R> {
    file: R,
    offset: u64,
    blocks: u64,
}

impl<R: Read> BlockFile<R> {
    /// The next block and where it begins; `None` at the end.
    fn next(&mut self) -> Result<Option<(u64, Block)>, FileError> {
        let start = self.offset;
        let encoding = |source| FileError::Encoding { offset: start, after: self.blocks, source };
        let mut bytes = vec![0; PREFIX_BYTES_MAX];
        let read = read_up_to(&mut self.file, &mut bytes)
            .map_err(|source| FileError::Read { offset: start, source })?;
        if read == 0 {
            return Ok(None);
        }
        bytes.truncate(read);
        let mut rest = bytes.as_slice();
        let payload = list_length(&mut rest).map_err(encoding)?;
        let length = (read - rest.len()).saturating_add(payload);
        if length > BLOCK_BYTES_MAX {
            return Err(FileError::TooLong { offset: start, bytes: length });
        }
        // A block is longer than the longest prefix, so nothing of the next one has been read.
        if length < read {
            return Err(encoding(DecodeError::Rlp(alloy_rlp::Error::UnexpectedLength)));
        }
        bytes.resize(length, 0);
        let more = read_up_to(&mut self.file, &mut bytes[read..])
            .map_err(|source| FileError::Read { offset: start, source })?;
        if read + more < length {
            return Err(encoding(DecodeError::Rlp(alloy_rlp::Error::InputTooShort)));
        }
        let block = decode_block(&bytes).map_err(encoding)?;
        self.offset += length as u64;
        self.blocks += 1;
        Ok(Some((start, block)))
    }
}

/// Takes the prefix of a list and gives the length of what follows. Other than alloy's decoder it
/// does not ask for that to be there already.
fn list_length(bytes: &mut &[u8]) -> Result<usize, DecodeError> {
    use alloy_rlp::Error::{InputTooShort, UnexpectedString};
    let (&first, rest) = bytes.split_first().ok_or(DecodeError::Rlp(InputTooShort))?;
    if first < 0xc0 {
        return Err(DecodeError::Rlp(UnexpectedString));
    }
    let length_bytes = usize::from(first.saturating_sub(0xf7));
    let (length, rest) =
        rest.split_at_checked(length_bytes).ok_or(DecodeError::Rlp(InputTooShort))?;
    *bytes = rest;
    Ok(if length_bytes == 0 {
        usize::from(first - 0xc0)
    } else {
        length
            .iter()
            .fold(0, |sum: usize, byte| sum.saturating_mul(256).saturating_add(usize::from(*byte)))
    })
}

/// Fills `buffer`, or as much of it as there is.
fn read_up_to(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
