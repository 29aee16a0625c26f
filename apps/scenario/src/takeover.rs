//! Somebody who has bought votes tries to take over the venue's governance, and with it the lending
//! pool: what each attempt comes to.

use crate::{
    accounts::{GAS_MAX, Sender, Signed},
    chain::{Chain, ChainError},
    market::Market,
};
use alloy_primitives::{Address, B256, Bytes, U256, aliases::U48, keccak256};
use alloy_sol_types::{SolCall, SolConstructor, sol};
use heddle_client::{At, RpcError};
use heddle_venue::contracts::{
    governance_deployment::{GovernanceDeployment, VenueGovernor as GovernorSettings},
    lending_pool::LendingPool,
    security_council::SecurityCouncil,
    venue_governor::VenueGovernor,
    venue_token::VenueToken,
};
use serde::Serialize;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
/// Members of the council, and how many must agree.
const MEMBERS: usize = 5;
const THRESHOLD: u8 = 3;
/// Votes that there are.
const SUPPLY: u64 = 1_000_000_000;

sol! {
    /// OpenZeppelin's `TimelockController`.
    function schedule(address target, uint256 value, bytes data, bytes32 predecessor, bytes32 salt, uint256 delay) external;
}

/// Something that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// What.
    pub what: &'static str,
    /// Whether the contracts refused it.
    pub is_refused: bool,
}

/// What a takeover came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Takeover {
    /// Votes that the attacker has, in percent of all.
    pub votes_percent: u64,
    /// Whether the attacker's proposal got through the vote, as nobody else voted.
    pub is_vote_won: bool,
    /// In order.
    pub attempts: Vec<Attempt>,
    /// Whether the council's members, as many as must, stopped the proposal.
    pub is_cancelled: bool,
    /// Whether the attacker has the role in the end.
    pub has_role: bool,
}

impl Takeover {
    /// Whether nothing was taken over.
    pub fn is_well(&self) -> bool {
        self.attempts.iter().all(|attempt| attempt.is_refused)
            && self.is_cancelled
            && !self.has_role
    }
}

/// Why it could not be tried.
#[derive(Debug, thiserror::Error)]
pub enum TakeoverError {
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The node.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// A key.
    #[error("a transaction of the takeover cannot be signed")]
    Sign(#[from] alloy_signer::Error),
    /// What should succeed has not.
    #[error("{0} has failed: are the contracts those of this version?")]
    Failed(&'static str),
}

/// The parts of a governance, and who is against whom.
struct Stage<'a> {
    chain: &'a Chain,
    now: u64,
    deployer: Sender,
    attacker: Sender,
    members: Vec<Sender>,
    lending: Address,
    token: Address,
    timelock: Address,
    council: Address,
    governor: Address,
    attempts: Vec<Attempt>,
}

/// Tries it, with so many percent of all votes.
///
/// # Errors
///
/// [`TakeoverError`].
pub fn attempt(
    chain: &Chain,
    market: &Market,
    seed: u64,
    percent: u64,
) -> Result<Takeover, TakeoverError> {
    let mut members = Sender::many(seed, "council", MEMBERS)?;
    members.sort_by_key(Sender::address);
    let zero = Address::ZERO;
    let mut stage = Stage {
        chain,
        now: market.now + HOUR,
        deployer: market.deployer.clone(),
        attacker: Sender::new(seed, "attacker", 0)?,
        members,
        lending: market.lending,
        token: zero,
        timelock: zero,
        council: zero,
        governor: zero,
        attempts: vec![],
    };
    stage.deploy()?;
    stage.buy(percent)?;
    stage.go_around_governance()?;
    let (is_vote_won, is_cancelled) = stage.vote()?;
    let account = stage.attacker.address();
    let call = LendingPool::hasRoleCall { role: risk(), account };
    let has_role = chain.node().read(stage.lending, &call, At::Latest)?;
    let attempts = stage.attempts;
    Ok(Takeover { votes_percent: percent, is_vote_won, attempts, is_cancelled, has_role })
}

fn risk() -> B256 {
    keccak256("RISK_ROLE")
}

impl Stage<'_> {
    /// Makes a block of transactions a while later, and says which failed.
    fn block(&mut self, later: u64, signed: &[Signed]) -> Result<Vec<usize>, TakeoverError> {
        self.chain.send(signed)?;
        self.now += later;
        self.chain.mine(self.now)?;
        let hashes: Vec<B256> = signed.iter().map(|signed| signed.hash).collect();
        Ok(self.chain.failures(&hashes)?)
    }

    /// What has to succeed.
    fn step(
        &mut self,
        what: &'static str,
        later: u64,
        signed: &[Signed],
    ) -> Result<(), TakeoverError> {
        if self.block(later, signed)?.is_empty() {
            Ok(())
        } else {
            Err(TakeoverError::Failed(what))
        }
    }

    /// What ought to be refused.
    fn try_it(
        &mut self,
        what: &'static str,
        later: u64,
        signed: Signed,
    ) -> Result<(), TakeoverError> {
        let is_refused = !self.block(later, &[signed])?.is_empty();
        self.attempts.push(Attempt { what, is_refused });
        Ok(())
    }

    /// A governance whose timelock has the lending pool, as the venue's.
    fn deploy(&mut self) -> Result<(), TakeoverError> {
        let holder = self.deployer.address();
        self.token = self.deployer.next_contract();
        let supply = whole(SUPPLY);
        let (name_, symbol_) = ("Scenario Votes".to_owned(), "sVOTE".to_owned());
        let arguments = VenueToken::constructorCall { name_, symbol_, supply, holder }.abi_encode();
        let token = self.deployer.create([VenueToken::BYTECODE.as_ref(), &arguments].concat())?;
        let deployment = self.deployer.next_contract();
        let settings = GovernanceDeployment::Settings {
            token: self.token,
            timelockDelay: U256::from(2 * DAY),
            governor: GovernorSettings::Settings {
                votingDelay: U48::from(HOUR),
                votingPeriod: DAY as u32,
                proposalThreshold: whole(SUPPLY / 100),
                quorumPercent: U256::from(4),
                voteExtension: U48::from(6 * HOUR),
            },
            members: self.members.iter().map(Sender::address).collect(),
            threshold: THRESHOLD,
            councilDelay: U48::from(DAY),
            pauseDuration: U48::from(3 * DAY),
            pauseCooldown: U48::from(7 * DAY),
            pauseTargets: vec![],
        };
        let arguments = GovernanceDeployment::constructorCall { settings }.abi_encode();
        let code = [GovernanceDeployment::BYTECODE.as_ref(), &arguments].concat();
        let governance = self.deployer.create(code)?;
        [self.timelock, self.council, _, self.governor] =
            [1, 2, 3, 4].map(|nonce| deployment.create(nonce));
        let (role, account) = (B256::ZERO, self.timelock);
        let give = LendingPool::grantRoleCall { role, account };
        let give = self.deployer.call(self.lending, &give, GAS_MAX)?;
        let leave = LendingPool::renounceRoleCall { role, callerConfirmation: holder };
        let leave = self.deployer.call(self.lending, &leave, GAS_MAX)?;
        self.step("the deployment of a governance", 1, &[token, governance, give, leave])
    }

    fn buy(&mut self, percent: u64) -> Result<(), TakeoverError> {
        let delegatee = self.attacker.address();
        let value = whole(SUPPLY / 100 * percent);
        let sell = VenueToken::transferCall { to: delegatee, value };
        let sell = self.deployer.call(self.token, &sell, GAS_MAX)?;
        let take = VenueToken::delegateCall { delegatee };
        let take = self.attacker.call(self.token, &take, GAS_MAX)?;
        self.step("the sale of votes", 1, &[sell, take])
    }

    /// What the attacker wants.
    fn prize(&self) -> Bytes {
        let account = self.attacker.address();
        LendingPool::grantRoleCall { role: risk(), account }.abi_encode().into()
    }

    /// Without a vote.
    fn go_around_governance(&mut self) -> Result<(), TakeoverError> {
        let (role, account) = (risk(), self.attacker.address());
        let grant = LendingPool::grantRoleCall { role, account };
        let signed = self.attacker.call(self.lending, &grant, GAS_MAX)?;
        self.try_it("grants itself the role", 1, signed)?;
        let schedule = scheduleCall {
            target: self.lending,
            value: U256::ZERO,
            data: self.prize(),
            predecessor: B256::ZERO,
            salt: B256::ZERO,
            delay: U256::from(2 * DAY),
        };
        let signed = self.attacker.call(self.timelock, &schedule, GAS_MAX)?;
        self.try_it("schedules it at the timelock", 1, signed)?;
        // One member of the council is the attacker's, and would be enough if the threshold were one.
        let members: Vec<Address> = self.members.iter().map(Sender::address).collect();
        let (target, salt) = (self.council, B256::ZERO);
        let alone = SecurityCouncil::configureCall { newMembers: members, newThreshold: THRESHOLD };
        let data: Bytes = alone.abi_encode().into();
        let propose = SecurityCouncil::proposeCall { target, data: data.clone(), salt };
        let signed = self.members[0].call(target, &propose, GAS_MAX)?;
        self.step("a member's proposal", 1, &[signed])?;
        let execute = SecurityCouncil::executeCall { target, data, salt };
        let signed = self.members[0].call(target, &execute, GAS_MAX)?;
        self.try_it("sets the council up anew with one of its members", 2 * DAY, signed)
    }

    /// By a vote that nobody else takes part in: whether it was won, and then stopped by the council.
    fn vote(&mut self) -> Result<(bool, bool), TakeoverError> {
        let (targets, values) = (vec![self.lending], vec![U256::ZERO]);
        let (calldatas, description) = (vec![self.prize()], "For the good of all".to_owned());
        let hash = keccak256(&description);
        let governor = self.governor;
        let propose = VenueGovernor::proposeCall {
            targets: targets.clone(),
            values: values.clone(),
            calldatas: calldatas.clone(),
            description,
        };
        let signed = self.attacker.call(governor, &propose, GAS_MAX)?;
        self.step("a proposal", 1, &[signed])?;
        let id = VenueGovernor::getProposalIdCall {
            targets: targets.clone(),
            values: values.clone(),
            calldatas: calldatas.clone(),
            descriptionHash: hash,
        };
        let id = self.chain.node().read(governor, &id, At::Latest)?;
        let vote = VenueGovernor::castVoteCall { proposalId: id, support: 1 };
        let signed = self.attacker.call(governor, &vote, GAS_MAX)?;
        self.step("a vote", HOUR + 60, &[signed])?;
        let queue = VenueGovernor::queueCall {
            targets: targets.clone(),
            values: values.clone(),
            calldatas: calldatas.clone(),
            descriptionHash: hash,
        };
        let signed = self.attacker.call(governor, &queue, GAS_MAX)?;
        let is_won = self.block(DAY + 6 * HOUR, &[signed])?.is_empty();

        let execute = VenueGovernor::executeCall {
            targets: targets.clone(),
            values: values.clone(),
            calldatas: calldatas.clone(),
            descriptionHash: hash,
        };
        let signed = self.attacker.call(governor, &execute, GAS_MAX)?;
        self.try_it("executes the proposal before the timelock's delay is over", HOUR, signed)?;
        let cancel =
            VenueGovernor::cancelCall { targets, values, calldatas, descriptionHash: hash };
        let is_cancelled = self.cancel(cancel.abi_encode().into())?;
        let signed = self.attacker.call(governor, &execute, GAS_MAX)?;
        self.try_it("executes the proposal after the delay", 2 * DAY, signed)?;
        Ok((is_won, is_cancelled))
    }

    /// The council cancels, with as many members as must agree and none of the attacker's.
    fn cancel(&mut self, data: Bytes) -> Result<bool, TakeoverError> {
        let (target, salt) = (self.governor, B256::ZERO);
        let council = self.council;
        let propose = SecurityCouncil::proposeCall { target, data: data.clone(), salt };
        let mut signed = vec![self.members[1].call(council, &propose, GAS_MAX)?];
        for member in &mut self.members[2..=usize::from(THRESHOLD)] {
            let approve = SecurityCouncil::approveCall { target, data: data.clone(), salt };
            signed.push(member.call(council, &approve, GAS_MAX)?);
        }
        let execute = SecurityCouncil::executeCall { target, data, salt };
        signed.push(self.members[1].call(council, &execute, GAS_MAX)?);
        Ok(self.block(60, &signed)?.is_empty())
    }
}

fn whole(tokens: u64) -> U256 {
    U256::from(tokens) * crate::math::WAD
}
