//! How a node that is far behind begins: at a late block whose state it takes over from another node,
//! believing nothing but its own genesis and the signatures of validators.
//!
//! It asks the others for their last final block S with its certificate, and follows the validators
//! from epoch to epoch ([`border`]): so it knows whose votes count for S. By the hashes in the headers
//! it then knows the block before S and the root of the state after it, and takes that state over,
//! by shards; whether it was the right one the root says in the end. From S on it executes blocks as
//! all others do. The other node's answer is only as good as its proof: one that lied is not talked to
//! any more, and the next one is asked.
//!
//! [`Serving`] answers, `Joining` asks. What they say is in [`message`].

mod border;
mod joining;
mod message;
mod serving;

pub(crate) use border::note as note_of_border;
pub(crate) use joining::Joining;
pub(crate) use serving::Serving;

use crate::{block::Commitment, scheme::Votes};
use commonware_codec::{Copying, Decode as _};
use commonware_consensus::simplex::types::Finalization;
use commonware_cryptography::certificate::Verifier as _;
use heddle_chain::{ChainReader, Error};

/// What makes a proposal final.
pub(crate) type Certificate = Finalization<Votes, Commitment>;

/// The note with the certificate of the first block that a node executed which took over a state.
const FLOOR_NOTE: &str = "floor";

/// The certificate of the first block that this node executed, if it took over the state before it.
pub(crate) fn floor(reader: &ChainReader) -> Result<Option<Certificate>, Error> {
    let Some(bytes) = reader.note(FLOOR_NOTE)? else { return Ok(None) };
    // It was checked before it was written down.
    let config = Votes::certificate_codec_config_unbounded();
    let certificate = Certificate::decode_cfg(Copying(&bytes), &config);
    certificate.map(Some).map_err(|_| Error::Record("the certificate of the first block"))
}
