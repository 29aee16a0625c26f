//! Events in words. What nobody has to know of, such as a vote or a supply, has none.

mod lending;

use crate::{alert::Severity, config::Kind};
use Severity::{Critical, Info, Warning};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256, utils::format_units};
use alloy_sol_types::{SolEventInterface, sol};
use heddle_client::{Log, visible};
use heddle_venue::{
    addresses,
    contracts::{
        configurator::Configurator::ConfiguratorCalls,
        lending_pool::LendingPool::LendingPoolEvents,
        pause_guardian::PauseGuardian::{PauseGuardianCalls, PauseGuardianEvents},
        price_feed::PriceFeed::PriceFeedEvents,
        reporter_registry::ReporterRegistry::{ReporterRegistryCalls, ReporterRegistryEvents},
        security_council::SecurityCouncil::{SecurityCouncilCalls, SecurityCouncilEvents},
        venue_governor::VenueGovernor::{VenueGovernorCalls, VenueGovernorEvents},
    },
};

/// Letters of a stranger's text that are shown.
const TEXT_MAX: usize = 200;

sol! {
    /// What OpenZeppelin's AccessControl says.
    interface Roles {
        event RoleGranted(bytes32 indexed role, address indexed account, address indexed sender);
        event RoleRevoked(bytes32 indexed role, address indexed account, address indexed sender);
        event RoleAdminChanged(bytes32 indexed role, bytes32 indexed previousAdminRole, bytes32 indexed newAdminRole);
    }

    /// What OpenZeppelin's TimelockController says.
    interface Timelock {
        event CallScheduled(bytes32 indexed id, uint256 indexed index, address target, uint256 value, bytes data, bytes32 predecessor, uint256 delay);
        event CallExecuted(bytes32 indexed id, uint256 indexed index, address target, uint256 value, bytes data);
        event CallSalt(bytes32 indexed id, bytes32 salt);
        event Cancelled(bytes32 indexed id);
        event MinDelayChange(uint256 oldDuration, uint256 newDuration);
    }
}

/// How much an event matters, its name, and what happened.
pub type Words = (Severity, &'static str, String);

/// What an event of a contract of some kind says; none if nobody has to know.
pub fn words(kind: Kind, log: &Log) -> Option<Words> {
    if let Ok(event) = Roles::RolesEvents::decode_raw_log(&log.topics, &log.data) {
        return Some(roles(event));
    }
    let (topics, data) = (&log.topics, &log.data);
    match kind {
        Kind::Governor => governor(VenueGovernorEvents::decode_raw_log(topics, data).ok()?),
        Kind::Timelock => timelock(Timelock::TimelockEvents::decode_raw_log(topics, data).ok()?),
        Kind::Council => council(SecurityCouncilEvents::decode_raw_log(topics, data).ok()?),
        Kind::PauseGuardian => pauses(PauseGuardianEvents::decode_raw_log(topics, data).ok()?),
        Kind::LendingPool => {
            lending::lending(LendingPoolEvents::decode_raw_log(topics, data).ok()?)
        }
        Kind::PriceFeed => feed(PriceFeedEvents::decode_raw_log(topics, data).ok()?),
        Kind::ReporterRegistry => {
            registry(ReporterRegistryEvents::decode_raw_log(topics, data).ok()?)
        }
        Kind::Roles => None,
    }
}

/// A name that the venue gives an address, or the address.
pub fn named(address: Address) -> String {
    let place = addresses::ALL.iter().find(|place| place.address == address);
    place.map_or_else(|| address.to_string(), |place| format!("{} ({address})", place.name))
}

/// What a call asks for, by the functions that governance calls.
pub fn called(target: Address, data: &Bytes) -> String {
    let Some(selector) = data.get(..4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok()) else {
        return format!("a transfer to {}", named(target));
    };
    let signature = ConfiguratorCalls::signature_by_selector(selector)
        .or_else(|| SecurityCouncilCalls::signature_by_selector(selector))
        .or_else(|| PauseGuardianCalls::signature_by_selector(selector))
        .or_else(|| ReporterRegistryCalls::signature_by_selector(selector))
        .or_else(|| VenueGovernorCalls::signature_by_selector(selector));
    let unknown =
        || format!("a function with selector 0x{}", alloy_primitives::hex::encode(selector));
    format!("{} of {}", signature.map_or_else(unknown, str::to_owned), named(target))
}

fn role_name(role: B256) -> String {
    // Those of OpenZeppelin's timelock, and of the contracts of the venue.
    const NAMES: [&str; 9] = [
        "PROPOSER_ROLE",
        "EXECUTOR_ROLE",
        "CANCELLER_ROLE",
        "RISK_ROLE",
        "GUARDIAN_ROLE",
        "APPOINTER_ROLE",
        "OPENER_ROLE",
        "REWARDER_ROLE",
        "SLASHER_ROLE",
    ];
    if role.is_zero() {
        return "the highest role".to_owned();
    }
    let name = NAMES.iter().find(|name| keccak256(name) == role);
    name.map_or_else(|| format!("role {role}"), |name| (*name).to_owned())
}

fn roles(event: Roles::RolesEvents) -> Words {
    use Roles::RolesEvents as Event;
    match event {
        Event::RoleGranted(e) => {
            let text =
                format!("{} got {} from {}", named(e.account), role_name(e.role), named(e.sender));
            (Critical, "RoleGranted", text)
        }
        Event::RoleRevoked(e) => {
            let text =
                format!("{} lost {} by {}", named(e.account), role_name(e.role), named(e.sender));
            (Critical, "RoleRevoked", text)
        }
        Event::RoleAdminChanged(e) => {
            let (role, admin) = (role_name(e.role), role_name(e.newAdminRole));
            (Critical, "RoleAdminChanged", format!("{role} is given by {admin} from now on"))
        }
    }
}

/// A price in WAD, as a decimal number.
fn price(wad: U256) -> String {
    format_units(wad, 18).unwrap_or_else(|_| format!("{wad} WAD"))
}

fn text_of(stranger: &str) -> String {
    visible(&stranger.chars().take(TEXT_MAX).collect::<String>()).replace('\n', " ")
}

fn governor(event: VenueGovernorEvents) -> Option<Words> {
    use VenueGovernorEvents as Event;
    Some(match event {
        Event::ProposalCreated(e) => {
            let mut calls: Vec<String> = e
                .targets
                .iter()
                .zip(&e.calldatas)
                .take(5)
                .map(|(to, data)| called(*to, data))
                .collect();
            if e.targets.len() > calls.len() {
                calls.push(format!("and {} more", e.targets.len() - calls.len()));
            }
            let text = format!(
                "{} proposes {}: \"{}\", as proposal {}; votes until {}",
                named(e.proposer),
                calls.join(", "),
                text_of(&e.description),
                e.proposalId,
                e.voteEnd,
            );
            (Warning, "ProposalCreated", text)
        }
        Event::ProposalQueued(e) => {
            let text = format!(
                "proposal {} is accepted and may be executed from {} on",
                e.proposalId, e.etaSeconds
            );
            (Critical, "ProposalQueued", text)
        }
        Event::ProposalExecuted(e) => {
            (Critical, "ProposalExecuted", format!("proposal {} is executed", e.proposalId))
        }
        Event::ProposalCanceled(e) => {
            (Warning, "ProposalCanceled", format!("proposal {} is cancelled", e.proposalId))
        }
        Event::ProposalExtended(e) => {
            let text = format!(
                "proposal {} reached its quorum late; votes until {}",
                e.proposalId, e.extendedDeadline
            );
            (Warning, "ProposalExtended", text)
        }
        Event::ProposalGuardianSet(e) => {
            let text = format!("{} may cancel proposals from now on", named(e.newProposalGuardian));
            (Critical, "ProposalGuardianSet", text)
        }
        Event::ProposalThresholdSet(e) => changed(
            "ProposalThresholdSet",
            "votes needed to propose",
            e.oldProposalThreshold,
            e.newProposalThreshold,
        ),
        Event::QuorumNumeratorUpdated(e) => changed(
            "QuorumNumeratorUpdated",
            "the quorum in percent",
            e.oldQuorumNumerator,
            e.newQuorumNumerator,
        ),
        Event::VotingDelaySet(e) => {
            changed("VotingDelaySet", "the time before a vote", e.oldVotingDelay, e.newVotingDelay)
        }
        Event::VotingPeriodSet(e) => {
            changed("VotingPeriodSet", "the time of a vote", e.oldVotingPeriod, e.newVotingPeriod)
        }
        Event::LateQuorumVoteExtensionSet(e) => changed(
            "LateQuorumVoteExtensionSet",
            "the time after a late quorum",
            U256::from(e.oldVoteExtension),
            U256::from(e.newVoteExtension),
        ),
        Event::TimelockChange(e) => {
            let text = format!("proposals are executed by {} from now on", named(e.newTimelock));
            (Critical, "TimelockChange", text)
        }
        Event::VoteCast(_) | Event::VoteCastWithParams(_) | Event::EIP712DomainChanged(_) => {
            return None;
        }
    })
}

fn changed(event: &'static str, what: &str, old: U256, new: U256) -> Words {
    (Critical, event, format!("{what}: {new} in the place of {old}"))
}

fn timelock(event: Timelock::TimelockEvents) -> Option<Words> {
    use Timelock::TimelockEvents as Event;
    Some(match event {
        Event::CallScheduled(e) => {
            let text = format!(
                "{} is scheduled in {} s, as call {} of operation {}",
                called(e.target, &e.data),
                e.delay,
                e.index,
                e.id
            );
            (Critical, "CallScheduled", text)
        }
        Event::CallExecuted(e) => {
            let text = format!(
                "{} is done, as call {} of operation {}",
                called(e.target, &e.data),
                e.index,
                e.id
            );
            (Critical, "CallExecuted", text)
        }
        Event::Cancelled(e) => (Warning, "Cancelled", format!("operation {} is cancelled", e.id)),
        Event::MinDelayChange(e) => {
            changed("MinDelayChange", "the least delay in seconds", e.oldDuration, e.newDuration)
        }
        Event::CallSalt(_) => return None,
    })
}

fn council(event: SecurityCouncilEvents) -> Option<Words> {
    use SecurityCouncilEvents as Event;
    Some(match event {
        Event::MemberAdded(e) => {
            (Critical, "MemberAdded", format!("{} is a member now", named(e.member)))
        }
        Event::MemberRemoved(e) => {
            (Critical, "MemberRemoved", format!("{} is no member any more", named(e.member)))
        }
        Event::ThresholdChanged(e) => {
            let text = format!(
                "{} of {} members decide, in the place of {}",
                e.newThreshold, e.members, e.oldThreshold
            );
            (Critical, "ThresholdChanged", text)
        }
        Event::CancellerChanged(e) => {
            let text =
                format!("{} may cancel what the council does from now on", named(e.newCanceller));
            (Critical, "CancellerChanged", text)
        }
        Event::Proposed(e) => {
            let call = called(e.target, &e.data);
            (Warning, "Proposed", format!("{} proposes {call}, as {}", named(e.member), e.id))
        }
        Event::Approved(e) => {
            let text = format!("{} approves {}: {} approvals", named(e.member), e.id, e.approvals);
            (Info, "Approved", text)
        }
        Event::Revoked(e) => {
            let text = format!(
                "{} takes its approval of {} back: {} left",
                named(e.member),
                e.id,
                e.approvals
            );
            (Info, "Revoked", text)
        }
        Event::Ready(e) => {
            let text = format!(
                "{} is approved, and may be done from {} to {}",
                e.id, e.readyAt, e.expiresAt
            );
            (Critical, "Ready", text)
        }
        Event::Unready(e) => (Info, "Unready", format!("{} is not approved any more", e.id)),
        Event::Executed(e) => {
            let call = called(e.target, &e.data);
            (
                Critical,
                "Executed",
                format!("{} has the council do {call}, as {}", named(e.member), e.id),
            )
        }
        Event::Cancelled(e) => (Warning, "Cancelled", format!("{} cancels {}", named(e.by), e.id)),
    })
}

fn pauses(event: PauseGuardianEvents) -> Option<Words> {
    use PauseGuardianEvents as Event;
    Some(match event {
        Event::Paused(e) => {
            let text =
                format!("{} pauses {} until {}", named(e.guardian), named(e.target), e.until);
            (Critical, "Paused", text)
        }
        Event::Unpaused(e) => {
            (Critical, "Unpaused", format!("{} lets {} go on", named(e.by), named(e.target)))
        }
        Event::Registered(e) => {
            (Warning, "Registered", format!("{} can be paused now", named(e.target)))
        }
        Event::Unregistered(e) => {
            (Critical, "Unregistered", format!("{} cannot be paused any more", named(e.target)))
        }
        Event::CooldownEnded(e) => {
            (Warning, "CooldownEnded", format!("{} can be paused again at once", named(e.target)))
        }
        _ => return None,
    })
}

fn feed(event: PriceFeedEvents) -> Option<Words> {
    use PriceFeedEvents as Event;
    Some(match event {
        Event::Tripped(e) => {
            let text = format!(
                "the breaker has tripped in round {}: {} is out of bounds",
                e.round, e.median
            );
            (Critical, "Tripped", text)
        }
        Event::Resumed(e) => {
            (Warning, "Resumed", format!("the feed answers again since round {}", e.round))
        }
        _ => return None,
    })
}

fn registry(event: ReporterRegistryEvents) -> Option<Words> {
    use ReporterRegistryEvents as Event;
    Some(match event {
        Event::SetAnnounced(e) => {
            let text = format!(
                "{} reporters are announced for {}, ready at {}",
                e.reporters.len(),
                named(e.feed),
                e.readyAt
            );
            (Critical, "SetAnnounced", text)
        }
        Event::SetCalledOff(e) => (
            Warning,
            "SetCalledOff",
            format!("the reporters announced for {} are called off", named(e.feed)),
        ),
        Event::SetAppointed(e) => {
            let text = format!(
                "{} reporters are appointed for {}; {} of them make a price",
                e.reporters.len(),
                named(e.feed),
                e.quorum
            );
            (Critical, "SetAppointed", text)
        }
        Event::SeatVacated(e) => {
            let text = format!(
                "{} has no seat at {} any more; {} are left",
                e.reporter,
                named(e.feed),
                e.activeCount
            );
            (Warning, "SeatVacated", text)
        }
        Event::SetNotWhole(e) => {
            let text = format!(
                "{} has {} reporters and needs {}: it has no new prices",
                named(e.feed),
                e.activeCount,
                e.needed
            );
            (Critical, "SetNotWhole", text)
        }
        Event::Slashed(e) => {
            let text = format!(
                "{} signed two values for round {} of {}, and lost its bond",
                e.reporter,
                e.round,
                named(e.feed)
            );
            (Critical, "Slashed", text)
        }
        Event::LeaveBegan(e) => {
            let text = format!("{} leaves {} at {}", e.reporter, named(e.feed), e.withdrawableAt);
            (Warning, "LeaveBegan", text)
        }
        Event::Joined(e) => {
            (Info, "Joined", format!("{} may report for {}", e.reporter, named(e.feed)))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
