//! ERC-20: the few calls that a wallet makes.

use alloy_primitives::{Address, Bytes, U256};

/// `transfer(address,uint256)`.
const TRANSFER: [u8; 4] = [0xa9, 0x05, 0x9c, 0xbb];
/// `decimals()`.
pub const DECIMALS: [u8; 4] = [0x31, 0x3c, 0xe5, 0x67];
/// Bytes of a transfer's call data.
const TRANSFER_BYTES: usize = 4 + 2 * 32;

/// A transfer of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Who gets them.
    pub to: Address,
    /// How many, in the smallest unit.
    pub amount: U256,
}

impl Transfer {
    /// The call data.
    pub fn encode(&self) -> Bytes {
        let mut data = Vec::with_capacity(TRANSFER_BYTES);
        data.extend(TRANSFER);
        data.extend(self.to.into_word());
        data.extend(self.amount.to_be_bytes::<32>());
        data.into()
    }

    /// Reads call data that [`Self::encode`] has made; `None` for anything else.
    pub fn decode(data: &[u8]) -> Option<Self> {
        let (selector, rest) = data.split_first_chunk::<4>()?;
        let (padding, rest) = rest.split_first_chunk::<12>()?;
        let (to, rest) = rest.split_first_chunk::<20>()?;
        let amount: [u8; 32] = rest.try_into().ok()?;
        let is_transfer = *selector == TRANSFER && *padding == [0; 12];
        is_transfer.then(|| Self { to: to.into(), amount: U256::from_be_bytes(amount) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::keccak256;
    use proptest::prelude::*;

    #[test]
    fn selectors_are_those_of_the_signatures() {
        assert_eq!(keccak256("transfer(address,uint256)")[..4], TRANSFER);
        assert_eq!(keccak256("decimals()")[..4], DECIMALS);
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(to in any::<[u8; 20]>(), limbs in any::<[u64; 4]>(), cut in 0_usize..68) {
            let transfer = Transfer { to: to.into(), amount: U256::from_limbs(limbs) };
            let data = transfer.encode();
            prop_assert_eq!(Transfer::decode(&data), Some(transfer));
            prop_assert_eq!(Transfer::decode(&data[..cut]), None);
            prop_assert_eq!(Transfer::decode(&[&data[..], &[0]].concat()), None);
        }
    }
}
