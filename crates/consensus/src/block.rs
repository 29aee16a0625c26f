//! What validators agree on: a block with its access list, bound to the round it was proposed in.

use crate::ledger::Tamper;
use alloy_eip7928::BlockAccessList;
use alloy_primitives::{B256, Bytes};
use alloy_rlp::Decodable as _;
use bytes::BufMut;
use commonware_codec::{
    Buf, Encode as _, EncodeSize, Error as CodecError, FixedSize as _, RangeCfg, Read,
    ReadExt as _, Write,
};
use commonware_coding::ReedSolomon;
use commonware_consensus::{
    Block, BoundedBlock, CertifiableBlock, Heightable,
    simplex::types::Context as SimplexContext,
    types::{Epoch, Height, Round, View, coding},
};
use commonware_cryptography::{
    Digest as _, Digested, Digestible, Hasher as _, Sha256, ed25519::PublicKey, sha256,
};
use commonware_utils::NZU16;
use heddle_types::decode_block;

/// The code that spreads a block: any f+1 of n pieces give it back.
pub(crate) type Coding = ReedSolomon<Sha256>;
/// What votes are for: a proposal's digest, the root of its pieces, and the digest of its context.
pub type Commitment = coding::Commitment<Proposal, Coding, Sha256>;
/// Round, leader and parent of a proposal.
pub type Context = SimplexContext<Commitment, PublicKey>;
/// Of a proposal.
pub type Digest = sha256::Digest;

/// Most bytes of a block in RLP: what EIP-7934 allows.
pub(crate) const BLOCK_BYTES_MAX: usize = 10 << 20;
/// Most bytes of an access list in RLP. A longer one is left out, and the block is executed without.
pub(crate) const LIST_BYTES_MAX: usize = 16 << 20;

/// A block with its access list, as it is proposed in a round.
///
/// The bytes are kept as they came: that they are a block is found out by whoever verifies them, so
/// what was encoded and what is encoded again are the same. Its digest is the SHA-256 of the
/// [`ProposalHead`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    head: ProposalHead,
    block: Bytes,
    /// Empty if there is none.
    list: Bytes,
}

/// What the digest of a [`Proposal`] is made of: enough for a light client to find the hash of the
/// Ethereum block in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposalHead {
    /// Round, leader and parent.
    pub context: Context,
    /// The digest of the proposal that this one follows.
    pub parent: Digest,
    /// Number of the Ethereum block.
    pub height: u64,
    /// Hash of its header.
    pub hash: B256,
    /// SHA-256 of the block in RLP.
    pub block: Digest,
    /// SHA-256 of its access list in RLP, or of nothing.
    pub list: Digest,
}

/// Why the bytes of a proposal are none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposalError {
    /// The block cannot be decoded.
    #[error("the block cannot be decoded: {0}")]
    Block(#[from] heddle_types::DecodeError),
    /// The access list cannot be decoded.
    #[error("the access list cannot be decoded: {0}")]
    List(alloy_rlp::Error),
    /// The block has another number or hash than the proposal says.
    #[error("the proposal is for block {height} {hash}, and holds another")]
    Other {
        /// Number that was promised.
        height: u64,
        /// Hash that was promised.
        hash: B256,
    },
}

impl Proposal {
    /// A proposal that follows the one with the digest `parent`.
    pub fn new(context: Context, parent: Digest, block: &heddle_types::Block, list: Bytes) -> Self {
        let hash = block.header.hash_slow();
        let bytes = Bytes::from(alloy_rlp::encode(block));
        let head = ProposalHead {
            context,
            parent,
            height: block.header.number,
            hash,
            block: Sha256::hash(&[&bytes]),
            list: Sha256::hash(&[&list]),
        };
        Self { head, block: bytes, list }
    }

    /// What a faulty validator proposes, in a test.
    pub(crate) fn tampered(
        context: Context,
        parent: Digest,
        block: &heddle_types::Block,
        mut list: Bytes,
        tamper: Tamper,
    ) -> Self {
        let mut block = block.clone();
        match tamper {
            Tamper::StateRoot => block.header.state_root = B256::repeat_byte(0x5a),
            Tamper::Parent => block.header.parent_hash = B256::repeat_byte(0x5a),
            Tamper::List => {
                let mut accounts = decode_list(&list).unwrap_or_default();
                accounts.pop();
                list = Bytes::from(alloy_rlp::encode(&accounts));
            }
            Tamper::Mint => {
                let (address, amount) = (alloy_primitives::Address::repeat_byte(0x5a), 1);
                let withdrawal = heddle_types::Withdrawal { address, amount, ..Default::default() };
                block.body.withdrawals = Some(vec![withdrawal].into());
            }
            Tamper::Garbage => {}
        }
        let mut proposal = Self::new(context, parent, &block, list);
        if tamper == Tamper::Garbage {
            proposal.block = Bytes::from_static(b"no block");
            proposal.head.block = Sha256::hash(&[&proposal.block]);
        }
        proposal
    }

    /// The first one, that nobody proposed. `leader` is only there because a context has one.
    pub fn genesis(block: &heddle_types::Block, leader: PublicKey) -> Self {
        let round = Round::new(Epoch::zero(), View::zero());
        let context = Context { round, leader, parent: (View::zero(), nothing()) };
        Self::new(context, Digest::EMPTY, block, Bytes::new())
    }

    /// What its digest is made of.
    pub fn head(&self) -> &ProposalHead {
        &self.head
    }

    /// Number of the Ethereum block.
    pub fn number(&self) -> u64 {
        self.head.height
    }

    /// Hash of the Ethereum block, as the proposal says.
    pub fn hash(&self) -> B256 {
        self.head.hash
    }

    /// The access list in RLP, empty if there is none.
    pub fn list_bytes(&self) -> &[u8] {
        &self.list
    }

    /// The block and its access list.
    ///
    /// # Errors
    ///
    /// See [`ProposalError`]: the proposal is nobody's block then.
    pub fn decode(&self) -> Result<(heddle_types::Block, Option<BlockAccessList>), ProposalError> {
        let block = decode_block(&self.block)?;
        let (height, hash) = (self.head.height, self.head.hash);
        if block.header.number != height || block.header.hash_slow() != hash {
            return Err(ProposalError::Other { height, hash });
        }
        let list = match self.list.is_empty() {
            true => None,
            false => Some(decode_list(&self.list).map_err(ProposalError::List)?),
        };
        Ok((block, list))
    }

    /// The time of its block, if that can be decoded.
    pub fn timestamp(&self) -> Option<u64> {
        let mut bytes = self.block.as_ref();
        let list = alloy_rlp::Header::decode(&mut bytes).ok().filter(|header| header.list);
        list.and_then(|_| heddle_types::Header::decode(&mut bytes).ok())
            .map(|header| header.timestamp)
    }

    /// With its digest.
    pub fn digested(self) -> Digested<Self> {
        let digest = self.digest();
        Digested::precomputed(self, digest)
    }
}

fn decode_list(mut bytes: &[u8]) -> Result<BlockAccessList, alloy_rlp::Error> {
    let list = BlockAccessList::decode(&mut bytes)?;
    if bytes.is_empty() { Ok(list) } else { Err(alloy_rlp::Error::UnexpectedLength) }
}

/// A commitment to nothing, which the first proposal has as its parent.
pub(crate) fn nothing() -> Commitment {
    let config = commonware_coding::Config { minimum_shards: NZU16!(1), extra_shards: NZU16!(1) };
    Commitment::from((Digest::EMPTY, Digest::EMPTY, Digest::EMPTY, config))
}

impl ProposalHead {
    /// Its SHA-256: the digest of the proposal.
    pub fn digest(&self) -> Digest {
        Sha256::hash(&[&self.encode()])
    }
}

impl Write for ProposalHead {
    fn write(&self, buf: &mut impl BufMut) {
        self.context.write(buf);
        self.parent.write(buf);
        self.height.write(buf);
        buf.put_slice(self.hash.as_slice());
        self.block.write(buf);
        self.list.write(buf);
    }
}

impl EncodeSize for ProposalHead {
    fn encode_size(&self) -> usize {
        self.context.encode_size() + 3 * Digest::SIZE + u64::SIZE + B256::len_bytes()
    }
}

impl Read for ProposalHead {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, CodecError> {
        Ok(Self {
            context: Context::read(buf)?,
            parent: Digest::read(buf)?,
            height: u64::read(buf)?,
            hash: B256::from(<[u8; 32]>::read(buf)?),
            block: Digest::read(buf)?,
            list: Digest::read(buf)?,
        })
    }
}

impl Write for Proposal {
    fn write(&self, buf: &mut impl BufMut) {
        self.head.context.write(buf);
        self.head.parent.write(buf);
        self.head.height.write(buf);
        buf.put_slice(self.head.hash.as_slice());
        self.block.0.write(buf);
        self.list.0.write(buf);
    }
}

impl EncodeSize for Proposal {
    fn encode_size(&self) -> usize {
        let head = self.head.context.encode_size() + Digest::SIZE + u64::SIZE + B256::len_bytes();
        head + self.block.0.encode_size() + self.list.0.encode_size()
    }
}

impl Read for Proposal {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, CodecError> {
        let context = Context::read(buf)?;
        let parent = Digest::read(buf)?;
        let height = u64::read(buf)?;
        let hash = B256::from(<[u8; 32]>::read(buf)?);
        let block = bytes::Bytes::read_cfg(buf, &RangeCfg::new(0..=BLOCK_BYTES_MAX))?;
        let list = bytes::Bytes::read_cfg(buf, &RangeCfg::new(0..=LIST_BYTES_MAX))?;
        let (digest, list_digest) = (Sha256::hash(&[&block]), Sha256::hash(&[&list]));
        let head = ProposalHead { context, parent, height, hash, block: digest, list: list_digest };
        Ok(Self { head, block: Bytes(block), list: Bytes(list) })
    }
}

impl Digestible for Proposal {
    type Digest = Digest;

    fn digest(&self) -> Digest {
        self.head.digest()
    }
}

impl Heightable for Proposal {
    fn height(&self) -> Height {
        Height::new(self.head.height)
    }
}

impl Block for Proposal {
    fn parent(&self) -> Digest {
        self.head.parent
    }
}

impl CertifiableBlock for Proposal {
    type Context = Context;

    fn context(&self) -> Context {
        self.head.context.clone()
    }
}

impl BoundedBlock for Proposal {
    fn max_encode_size((): &()) -> usize {
        // A context is two varints for the round, one for the parent's view, a key and a
        // commitment; lengths of bytes are varints, too.
        let context = 3 * 10 + PublicKey::SIZE + Commitment::SIZE;
        context + 2 * Digest::SIZE + u64::SIZE + 2 * 5 + BLOCK_BYTES_MAX + LIST_BYTES_MAX
    }
}
