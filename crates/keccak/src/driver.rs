//! Which message is in which lane.

use alloy_primitives::B256;

/// Bytes that one permutation takes in.
pub(crate) const BLOCK_BYTES: usize = 136;
/// Words of the state.
pub(crate) const WORDS: usize = 25;

/// A block of a message.
pub(crate) type Block = [u8; BLOCK_BYTES];

/// The states of as many messages as there are lanes: a row for each word.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct States<const LANES: usize>(pub(crate) [[u64; LANES]; WORDS]);

/// Takes a block into each lane and permutes. Lanes whose bit in `begun` is not set forget their
/// state before, as a message begins there.
pub(crate) type Permutation<const LANES: usize> =
    fn(states: &mut States<LANES>, blocks: &[&Block; LANES], begun: u8);

/// What of a message is still to be taken in, and where its hash goes.
#[derive(Clone, Copy)]
struct Pending<'a> {
    rest: &'a [u8],
    place: usize,
    is_last: bool,
}

pub(crate) fn hash<const LANES: usize, M: AsRef<[u8]>>(
    permute: Permutation<LANES>,
    messages: &[M],
    hashes: &mut [B256],
) {
    let mut states = States([[0; LANES]; WORDS]);
    let mut lanes: [Option<Pending<'_>>; LANES] = [None; LANES];
    // The last blocks, padded; an idle lane takes in whatever is there.
    let mut padded = [[0_u8; BLOCK_BYTES]; LANES];
    let mut next = messages.iter().map(AsRef::as_ref).enumerate();
    loop {
        let mut begun = 0;
        let mut is_idle = true;
        for (lane, (pending, padded)) in lanes.iter_mut().zip(&mut padded).enumerate() {
            if pending.is_some() {
                begun |= 1 << lane;
            } else {
                *pending = next.next().map(|(place, rest)| Pending { rest, place, is_last: false });
            }
            if let Some(pending) = pending {
                is_idle = false;
                if pending.rest.len() < BLOCK_BYTES {
                    pad(padded, pending.rest);
                    pending.is_last = true;
                }
            }
        }
        if is_idle {
            return;
        }
        let blocks: [&Block; LANES] = std::array::from_fn(|lane| {
            let whole = lanes[lane].and_then(|pending| pending.rest.first_chunk());
            whole.unwrap_or(&padded[lane])
        });
        permute(&mut states, &blocks, begun);
        for (lane, pending) in lanes.iter_mut().enumerate() {
            match pending {
                Some(Pending { place, is_last: true, .. }) => {
                    hashes[*place] = states.hash(lane);
                    *pending = None;
                }
                Some(Pending { rest, .. }) => *rest = &rest[BLOCK_BYTES..],
                None => {}
            }
        }
    }
}

pub(crate) fn hash_fixed<const LANES: usize, const LENGTH: usize>(
    permute: Permutation<LANES>,
    messages: &[[u8; LENGTH]],
    hashes: &mut [B256],
) {
    const { assert!(LENGTH < BLOCK_BYTES, "the message and its padding fit a block") };
    let mut states = States([[0; LANES]; WORDS]);
    // The padding is the same for all.
    let mut padded = [[0_u8; BLOCK_BYTES]; LANES];
    padded.iter_mut().for_each(|block| pad(block, &[0; LENGTH]));
    for (messages, hashes) in messages.chunks(LANES).zip(hashes.chunks_mut(LANES)) {
        for (block, message) in padded.iter_mut().zip(messages) {
            block[..LENGTH].copy_from_slice(message);
        }
        permute(&mut states, &padded.each_ref(), 0);
        for (lane, hash) in hashes.iter_mut().enumerate() {
            *hash = states.hash(lane);
        }
    }
}

/// The last block of a message that ends with `rest` (Keccak's padding, not that of SHA-3).
fn pad(block: &mut Block, rest: &[u8]) {
    block[..rest.len()].copy_from_slice(rest);
    block[rest.len()..].fill(0);
    block[rest.len()] = 0x01;
    block[BLOCK_BYTES - 1] |= 0x80;
}

impl<const LANES: usize> States<LANES> {
    fn hash(&self, lane: usize) -> B256 {
        let mut hash = B256::ZERO;
        for (bytes, words) in hash.0.chunks_exact_mut(8).zip(&self.0) {
            bytes.copy_from_slice(&words[lane].to_le_bytes());
        }
        hash
    }
}
