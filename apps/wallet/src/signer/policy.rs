//! What a signer signs without asking. All that is not allowed is refused.

use crate::{
    amount::{ETHER_DECIMALS, format_units},
    token::Transfer,
    transaction::Fields,
    work::{Work, typed_domain},
};
use alloy_primitives::{Address, U256};

/// What may be signed without asking.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The only chain.
    pub chain_id: u64,
    /// Who may be sent to. Of transfers of tokens it is the receiver that counts.
    pub to: Vec<Address>,
    /// Tokens that may be transferred, to those in `to`.
    pub tokens: Vec<Address>,
    /// Most wei of a transaction.
    pub value_max: U256,
    /// Most wei of a transaction's fee: without a bound, all could be spent on fees.
    pub fee_max: U256,
    /// Most wei of values and fees together, while the signer runs.
    pub total_max: U256,
    /// Whether any data may be in a call to one of `to`.
    pub data: bool,
    /// Whether messages (EIP-191) are signed.
    pub messages: bool,
    /// Contracts whose typed data (EIP-712) are signed. A permit can give away all tokens.
    pub typed_data: Vec<Address>,
    /// Contracts whose code may run in the signer's name (EIP-7702).
    pub delegates: Vec<Address>,
    spent: U256,
}

/// Why a policy does not allow something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another chain, or none.
    #[error("the policy allows chain {0} alone")]
    Chain(u64),
    /// Another receiver.
    #[error("the policy does not allow sending to {0}")]
    To(Address),
    /// A contract would be created.
    #[error("the policy does not allow creating contracts")]
    Creation,
    /// Data that are no transfer of an allowed token.
    #[error("the policy does not allow these data")]
    Data,
    /// Too much.
    #[error("the policy allows a {0} of {1} ether at most")]
    Amount(&'static str, String),
    /// A message.
    #[error("the policy does not allow messages")]
    Message,
    /// Typed data of another contract or chain.
    #[error("the policy does not allow typed data of this domain")]
    TypedData,
    /// Code that may not run in the signer's name.
    #[error("the policy does not allow to delegate to {0}")]
    Delegate(Address),
    /// It has not the right form.
    #[error("{0}")]
    Form(String),
}

impl Policy {
    /// A policy that allows nothing but spending up to bounds, and to nobody.
    pub fn new(chain_id: u64, value_max: U256, fee_max: U256, total_max: U256) -> Self {
        Self {
            chain_id,
            to: Vec::new(),
            tokens: Vec::new(),
            value_max,
            fee_max,
            total_max,
            data: false,
            messages: false,
            typed_data: Vec::new(),
            delegates: Vec::new(),
            spent: U256::ZERO,
        }
    }

    /// Allows something, and counts what it spends; or says why not.
    ///
    /// # Errors
    ///
    /// See [`Refusal`].
    pub fn allow(&mut self, work: &Work) -> Result<(), Refusal> {
        match work {
            Work::Transaction(fields) => self.allow_transaction(fields),
            Work::Message(_) if self.messages => Ok(()),
            Work::Message(_) => Err(Refusal::Message),
            Work::TypedData(value) => {
                let domain =
                    typed_domain(value).map_err(|error| Refusal::Form(error.to_string()))?;
                let is_allowed = matches!(domain, (Some(contract), Some(chain_id))
                    if self.typed_data.contains(&contract) && chain_id == U256::from(self.chain_id));
                if is_allowed { Ok(()) } else { Err(Refusal::TypedData) }
            }
            // A chain id of 0 is every chain.
            Work::Authorization(one) if one.chain_id != U256::from(self.chain_id) => {
                Err(Refusal::Chain(self.chain_id))
            }
            Work::Authorization(one) if self.delegates.contains(&one.address) => Ok(()),
            Work::Authorization(one) => Err(Refusal::Delegate(one.address)),
        }
    }

    fn allow_transaction(&mut self, fields: &Fields) -> Result<(), Refusal> {
        fields.build().map_err(|error| Refusal::Form(error.to_string()))?;
        if fields.chain_id.map(|id| id.to::<u64>()) != Some(self.chain_id) {
            return Err(Refusal::Chain(self.chain_id));
        }
        let to = fields.to.ok_or(Refusal::Creation)?;
        let input = fields.input.as_ref().map_or(&[][..], |input| input.as_ref());
        match Transfer::decode(input) {
            Some(transfer) if self.tokens.contains(&to) => self.allow_receiver(transfer.to)?,
            _ => {
                self.allow_receiver(to)?;
                if !input.is_empty() && !self.data {
                    return Err(Refusal::Data);
                }
            }
        }
        for one in fields.authorization_list.iter().flatten() {
            if !self.delegates.contains(one.address()) {
                return Err(Refusal::Delegate(*one.address()));
            }
        }
        let bounded = |what, found: U256, max| {
            if found <= max {
                Ok(())
            } else {
                Err(Refusal::Amount(what, format_units(max, ETHER_DECIMALS)))
            }
        };
        let value = fields.value.unwrap_or_default();
        bounded("value", value, self.value_max)?;
        bounded("fee", fields.fee_max(), self.fee_max)?;
        let spent = self.spent.saturating_add(value).saturating_add(fields.fee_max());
        bounded("total", spent, self.total_max)?;
        self.spent = spent;
        Ok(())
    }

    fn allow_receiver(&self, to: Address) -> Result<(), Refusal> {
        if self.to.contains(&to) { Ok(()) } else { Err(Refusal::To(to)) }
    }
}
