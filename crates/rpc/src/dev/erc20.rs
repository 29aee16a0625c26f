//! Setting what tokens remember of an account.
//!
//! Where a token keeps a balance is its own affair. But the call that asks for the balance reads
//! it, so the slot is among those that the call reads: the one that, when it is different, makes
//! the call answer differently.

use super::{number::Number, producer, state::done};
use crate::{
    Error,
    args::Args,
    call_environment::{CallState, Request, output},
    context::Node,
    json::Json,
};
use alloy_eips::BlockId;
use alloy_primitives::{Address, Bytes, U256};
use alloy_rpc_types_eth::TransactionRequest;
use heddle_producer::AccountAmendment;

/// `balanceOf(address)`.
const BALANCE_OF: [u8; 4] = [0x70, 0xa0, 0x82, 0x31];
/// `allowance(address,address)`.
const ALLOWANCE: [u8; 4] = [0xdd, 0x62, 0xed, 0x3e];

/// `anvil_dealERC20`.
pub(super) fn deal(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let (account, token): (Address, Address) = (args.required(0)?, args.required(1)?);
    let Number(amount) = args.required(2)?;
    set(node, token, question(BALANCE_OF, &[account]), amount)
}

/// `anvil_setERC20Allowance`.
pub(super) fn allow(node: &Node, args: &Args<'_>) -> Result<Json, Error> {
    let (owner, spender): (Address, Address) = (args.required(0)?, args.required(1)?);
    let token: Address = args.required(2)?;
    let Number(amount) = args.required(3)?;
    set(node, token, question(ALLOWANCE, &[owner, spender]), amount)
}

fn question(selector: [u8; 4], arguments: &[Address]) -> Bytes {
    let mut data = selector.to_vec();
    arguments.iter().for_each(|address| data.extend_from_slice(address.into_word().as_slice()));
    data.into()
}

/// Has `token` answer `question` with `answer`.
fn set(node: &Node, token: Address, question: Bytes, answer: U256) -> Result<Json, Error> {
    let request = TransactionRequest::default().to(token).input(question.into());
    let mut state = fresh(node)?;
    let asked = Request::new(node, &state, request)?;
    let outcome = state.run(&asked)?;
    let mut slots: Vec<(Address, U256)> = outcome
        .changes
        .iter()
        .flat_map(|(address, account)| account.storage.keys().map(|key| (*address, *key)))
        .collect();
    slots.sort_unstable();
    for (address, slot) in slots {
        let mut state = fresh(node)?;
        state.overlay.set_slot(address, slot, answer)?;
        // With a wrong slot changed the call may well fail.
        let Ok(answered) = state.run(&asked).and_then(output) else { continue };
        if U256::try_from_be_slice(&answered) == Some(answer) {
            let storage = [(slot, answer)].into();
            let amendment = AccountAmendment { storage, ..AccountAmendment::default() };
            producer(node)?.amend([(address, amendment)].into())?;
            return done();
        }
    }
    let reason =
        format!("{token} keeps it in no slot that can be set by itself; is it an ERC-20 token?");
    Err(Error::Refused(reason))
}

fn fresh(node: &Node) -> Result<CallState, Error> {
    let timeout = node.settings.limits.call_timeout;
    let state = CallState::after(&node.view()?, BlockId::latest(), timeout)?;
    // Nobody asked for these calls.
    Ok(CallState { console: None, ..state })
}
