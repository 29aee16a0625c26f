//! A proposal that is voted on.

use super::{super::builder::Builder, site::creation, tokens::Tokens};
use crate::Error;
use alloy_primitives::{Address, Bytes, U256, aliases::U48, keccak256};
use alloy_sol_types::SolCall as _;
use heddle_venue::contracts::{
    governance_deployment::{GovernanceDeployment, VenueGovernor as Settings},
    venue_governor::VenueGovernor,
    venue_token::VenueToken,
};

const DESCRIPTION: &str = "Give a token back";

/// The governor, and what is voted on.
pub(super) struct Governance {
    pub(super) governor: Address,
    token: Address,
    proposal: U256,
}

impl Governance {
    /// Has governor, timelock and council created.
    pub(super) fn deploy(builder: &mut Builder, tokens: &Tokens) -> Result<Self, Error> {
        let mut members = [(); 5].map(|()| builder.account());
        members.sort_unstable();
        let settings = GovernanceDeployment::Settings {
            token: tokens.venue,
            timelockDelay: U256::from(2 * 86_400),
            governor: Settings::Settings {
                votingDelay: U48::from(3_600),
                votingPeriod: 3 * 86_400,
                proposalThreshold: U256::from(10_u128.pow(21)),
                quorumPercent: U256::from(4),
                voteExtension: U48::from(86_400),
            },
            members: members.to_vec(),
            threshold: 3,
            councilDelay: U48::from(86_400),
            pauseDuration: U48::from(86_400),
            pauseCooldown: U48::from(86_400),
            pauseTargets: Vec::new(),
        };
        let code = creation(&GovernanceDeployment::BYTECODE, &(settings,));
        let deployment = builder.deploy(code);
        // Whoever proposes needs votes in the second before.
        builder.administer(tokens.venue, delegate(builder.deployer()));
        builder.pass(0)?;
        let governor = builder.ask(deployment, &GovernanceDeployment::governorCall {})?;
        let (targets, values, calldatas) = actions(tokens.venue, builder.deployer());
        let asked = VenueGovernor::getProposalIdCall {
            targets,
            values,
            calldatas,
            descriptionHash: keccak256(DESCRIPTION),
        };
        let proposal = builder.ask(governor, &asked)?;
        Ok(Self { governor, token: tokens.venue, proposal })
    }

    /// Proposes it.
    pub(super) fn propose(&self, builder: &mut Builder) {
        let (targets, values, calldatas) = actions(self.token, builder.deployer());
        let description = DESCRIPTION.to_owned();
        let propose = VenueGovernor::proposeCall { targets, values, calldatas, description };
        builder.administer(self.governor, propose.abi_encode().into());
    }

    /// A vote: against it (0), for it (1) or neither (2).
    pub(super) fn vote(&self, support: u8) -> Bytes {
        let vote = VenueGovernor::castVoteCall { proposalId: self.proposal, support };
        vote.abi_encode().into()
    }
}

/// What is proposed: that the timelock sends a token to somebody.
fn actions(token: Address, to: Address) -> (Vec<Address>, Vec<U256>, Vec<Bytes>) {
    let transfer = VenueToken::transferCall { to, value: U256::from(1) };
    (vec![token], vec![U256::ZERO], vec![transfer.abi_encode().into()])
}

/// Gives one's votes to somebody.
pub(super) fn delegate(delegatee: Address) -> Bytes {
    VenueToken::delegateCall { delegatee }.abi_encode().into()
}
