// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {LibSort} from "solady/utils/LibSort.sol";
import {Validators} from "../Validators.sol";
import {Accumulator} from "./Accumulator.sol";
import {Ed25519Key} from "./Ed25519Key.sol";
import {ExitQueue} from "./ExitQueue.sol";

/// @title Delegated stake, which elects the validators
/// @notice Candidates register a key and stake for themselves; others delegate stake to them. Once an epoch
/// anybody may call `elect`: the candidates with the most stake get the seats, and `Validators` is brought to
/// say so. What it says at the end of an epoch of the chain counts in the next but one.
///
/// Stake: each candidate has a pool, of which delegators hold shares. Whoever leaves waits for
/// `unbondingDelay`, during which a slash of the candidate still reaches them, as if they had stayed.
///
/// Rewards are in the staked token. What was given until an election is paid out evenly over the epoch after
/// it, to the elected in proportion to the stakes they were elected with, and from each to the shares of its
/// pool, less the candidate's commission. So there is no moment at which it pays to come for a reward.
///
/// Slashing: by a role that acts on the evidence which nodes record (`heddle_equivocations`). A proof is used
/// once, takes a half at most, and jails the candidate.
///
/// Token: a standard ERC-20 of which fewer than 2^96 units exist. Not supported are tokens that take a fee of a
/// transfer or change balances by themselves.
/// @dev `Validators`, and what is done about it:
/// - An entry's operator may remove it or replace its key at any time. So this contract makes itself the
///   operator of those it adds, and candidates ask it (`replaceKey`, `retire`).
/// - Entries from before have operators of their own, and may take any key, also one that a candidate has
///   registered. So an election reads the list as it is, and takes such an entry over. A key that is in the
///   list can only be registered by its operator.
/// - It never has fewer than 4 entries, or more than 128. An election adds and removes in turns. If there are
///   too few candidates, entries stay that would have to go: of those, the jailed go first, and those with
///   other operators last.
/// - A node leaves out keys that are none. So such a key cannot be registered: see `Ed25519Key`.
/// Whether a candidate can sign with a key is not proven here. Nobody gains by naming another's key but to
/// keep them from registering it, for the price of a stake; they take another key.
///
/// Loops are over at most `SEATS_MAX` seats, `CANDIDATES_MAX` candidates, and 128 entries. When all places are
/// taken, a newcomer takes that of a candidate with less stake who has no seat.
///
/// Hot slots: there is no total that delegations write. Between two elections `epoch` and `payout` are only
/// read; what is written belongs to one candidate and one delegator, so delegations to different candidates run
/// in parallel, but for the token's balance of this contract. Delegations to one candidate share its pool.
contract ValidatorStaking is AccessControl, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using Accumulator for Accumulator.Account;
    using ExitQueue for ExitQueue.Queue;
    using LibSort for bytes32[];

    struct Candidate {
        // One slot.
        /// Of the pool.
        uint96 assets;
        uint128 shares;
        /// In 1/10,000 of rewards.
        uint16 commission;
        /// Place in the list of candidates, from one; zero for those who retired.
        uint8 place;
        /// Whether `nextCommission` is to come.
        bool isChanging;
        // One slot.
        bytes32 key;
        // One slot. See `Accumulator`.
        uint176 perShare;
        uint48 jailedUntil;
        // One slot.
        uint128 remainder;
        uint96 commissionOwed;
        uint16 nextCommission;
        // The reward of the seat: shares are the stake that the candidate was elected with.
        Accumulator.Account seat;
        uint48 nextCommissionFrom;
        ExitQueue.Queue exits;
    }

    struct Exit {
        // One slot.
        uint208 units;
        uint48 finalAt;
        address candidate;
    }

    /// In one slot.
    struct Epoch {
        /// Sum of rewards per elected stake until its start.
        uint176 perStake;
        uint48 start;
    }

    /// In one slot: what is paid out in this epoch, and to how much elected stake.
    struct Payout {
        uint96 rewards;
        uint128 stake;
    }

    /// In one slot.
    struct Pot {
        /// For the next epoch.
        uint96 rewards;
        /// See `Accumulator.grow`.
        uint128 remainder;
    }

    struct Settings {
        /// Seconds from one election to the next, one hour to 30 days. Not shorter than an epoch of the chain.
        uint48 epochDuration;
        /// Seconds, at least three epochs and at most 90 days: who leaves the list still votes in the epoch that
        /// runs and the next.
        uint48 unbondingDelay;
        /// Where slashed stake goes.
        address slashRecipient;
        /// How many are elected, 4 to `SEATS_MAX`.
        uint8 seats;
        /// What a candidate has to stake itself to be elected.
        uint96 selfStakeMin;
    }

    /// @notice Who may slash and jail.
    bytes32 public constant SLASHER_ROLE = keccak256("SLASHER_ROLE");
    uint256 public constant SEATS_MAX = 100;
    uint256 public constant CANDIDATES_MAX = 200;
    uint256 public constant BASIS = 10_000;
    uint256 public constant COMMISSION_MAX = 5_000;
    /// @notice What a proof takes at most, in 1/10,000.
    uint256 public constant SLASH_MAX = 5_000;

    Validators public immutable validators;
    IERC20 public immutable token;
    uint48 public immutable epochDuration;
    uint48 public immutable unbondingDelay;
    address public immutable slashRecipient;
    /// @dev Of `Validators`.
    uint256 private immutable entriesMin;
    uint256 private immutable entriesMax;

    Epoch private epoch;
    Payout private payout;
    Pot private pot;
    uint8 public seats;
    uint96 public selfStakeMin;
    address[] private candidates;
    address[] private elected;
    mapping(address candidate => Candidate) private records;
    mapping(address candidate => mapping(address delegator => Accumulator.Account)) private delegations;
    /// @notice Whose key it is, or was: a key stays its candidate's for ever, so that evidence finds them.
    mapping(bytes32 key => address candidate) public keyOwner;
    /// @notice How many exits an account has asked for.
    mapping(address owner => uint96) public exitsMade;
    mapping(uint256 id => Exit) private exits;
    /// @notice Evidence that was acted on.
    mapping(bytes32 evidence => bool) public isUsed;

    event Registered(address indexed candidate, bytes32 indexed key, uint256 commission);
    event Retired(address indexed candidate, bytes32 indexed key);
    event KeyReplaced(address indexed candidate, bytes32 indexed oldKey, bytes32 indexed newKey);
    event CommissionAnnounced(address indexed candidate, uint256 commission, uint256 from);
    event CommissionChanged(address indexed candidate, uint256 oldCommission, uint256 newCommission);
    event Delegated(address indexed candidate, address indexed delegator, uint256 assets, uint256 shares);
    event ExitRequested(
        uint256 indexed id,
        address indexed candidate,
        address indexed delegator,
        uint256 shares,
        uint256 assets,
        uint256 finalAt
    );
    event ExitClaimed(uint256 indexed id, address indexed owner, uint256 assets);
    event RewardGiven(address indexed payer, uint256 amount);
    event RewardClaimed(address indexed candidate, address indexed delegator, uint256 amount);
    event CommissionClaimed(address indexed candidate, uint256 amount);
    event Elected(address[] candidates, uint256 stake, uint256 rewards);
    event Slashed(
        address indexed candidate, bytes32 indexed evidence, uint256 fraction, uint256 ofPool, uint256 ofExits
    );
    event Jailed(address indexed candidate, uint256 until, bool isRemoved);
    event SeatsChanged(uint256 oldSeats, uint256 newSeats);
    event SelfStakeMinChanged(uint256 oldMin, uint256 newMin);
    event AuthorityHandedOver(address indexed newAuthority);

    error SettingOutOfRange();
    error NoRecipient();
    error NothingGiven();
    error BadKey(bytes32 key);
    error KeyTaken(bytes32 key, address owner);
    error KeyDiffers(bytes32 key);
    error AlreadyCandidate(address candidate);
    error NoCandidate(address candidate);
    error SelfStakeTooSmall(uint256 stake, uint256 least);
    error CannotDisplace(address candidate);
    error CommissionAbove(uint256 commission, uint256 most);
    error ExceedsShares(uint256 shares, uint256 held);
    error UnknownExit(uint256 id);
    error NotFinal(uint256 id, uint256 finalAt);
    error TooEarly(uint256 from);
    error EvidenceUsed(bytes32 evidence);
    error SlashAbove(uint256 fraction, uint256 most);
    error NotReceived(uint256 expected, uint256 received);

    /// @param admin May set seats and the least own stake, appoint slashers, and hand the authority over; best a
    /// timelock.
    constructor(Validators validators_, IERC20 token_, Settings memory settings, address admin) {
        (uint256 duration, uint256 delay) = (settings.epochDuration, settings.unbondingDelay);
        bool isGood = duration >= 1 hours && duration <= 30 days && delay >= 3 * duration && delay <= 90 days;
        require(isGood, SettingOutOfRange());
        require(settings.slashRecipient != address(0), NoRecipient());
        validators = validators_;
        token = token_;
        epochDuration = settings.epochDuration;
        unbondingDelay = settings.unbondingDelay;
        slashRecipient = settings.slashRecipient;
        entriesMin = validators_.MINIMUM();
        entriesMax = validators_.MAXIMUM();
        changeSeats(settings.seats);
        changeSelfStakeMin(settings.selfStakeMin);
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    // Candidates.

    /// @notice Makes the sender a candidate, with `stake` of its tokens besides what it has delegated to itself.
    /// @param key An ed25519 public key. Who was a candidate before names the same; see `replaceKey`.
    /// @param commission In 1/10,000 of rewards. Who was a candidate before keeps the old one.
    /// @param displaced Whose place to take if there is none left: one with less stake and no seat.
    function register(bytes32 key, uint16 commission, uint256 stake, address displaced) external nonReentrant {
        Candidate storage record = records[msg.sender];
        require(record.place == 0, AlreadyCandidate(msg.sender));
        if (record.key == bytes32(0)) {
            require(commission <= COMMISSION_MAX, CommissionAbove(commission, COMMISSION_MAX));
            record.commission = commission;
            takeKey(record, key);
        } else {
            require(record.key == key, KeyDiffers(record.key));
        }
        if (stake != 0) addStake(record, msg.sender, msg.sender, stake);
        uint256 own = selfStake(record, msg.sender);
        require(own >= selfStakeMin && own != 0, SelfStakeTooSmall(own, selfStakeMin));
        if (candidates.length >= CANDIDATES_MAX) {
            Candidate storage other = records[displaced];
            bool isWeaker = other.place != 0 && other.seat.shares == 0 && other.assets < record.assets;
            require(isWeaker, CannotDisplace(displaced));
            drop(displaced, other);
        }
        candidates.push(msg.sender);
        record.place = uint8(candidates.length);
        emit Registered(msg.sender, key, record.commission);
        if (stake != 0) token.safeTransferFrom(msg.sender, address(this), stake);
    }

    /// @notice Takes the sender from the candidates. A seat is kept, and paid, until the next election.
    function retire() external {
        Candidate storage record = records[msg.sender];
        require(record.place != 0, NoCandidate(msg.sender));
        drop(msg.sender, record);
    }

    /// @notice Gives the sender another key, among the validators, too, if it is one of them.
    function replaceKey(bytes32 newKey) external nonReentrant {
        Candidate storage record = records[msg.sender];
        bytes32 oldKey = record.key;
        require(oldKey != bytes32(0), NoCandidate(msg.sender));
        takeKey(record, newKey);
        emit KeyReplaced(msg.sender, oldKey, newKey);
        if (operatorOf(oldKey) == address(this)) validators.replaceKey(oldKey, newKey);
    }

    /// @notice Announces another commission for the sender. It counts from the first election on, a higher one
    /// from the first after `unbondingDelay`, so that delegators can leave before.
    function announceCommission(uint16 commission) external {
        require(commission <= COMMISSION_MAX, CommissionAbove(commission, COMMISSION_MAX));
        Candidate storage record = records[msg.sender];
        require(record.key != bytes32(0), NoCandidate(msg.sender));
        uint48 from = uint48(block.timestamp) + (commission > record.commission ? unbondingDelay : 0);
        (record.nextCommission, record.nextCommissionFrom, record.isChanging) = (commission, from, true);
        emit CommissionAnnounced(msg.sender, commission, from);
    }

    /// @notice Pays the sender's commission.
    function claimCommission() external nonReentrant returns (uint256 amount) {
        Candidate storage record = records[msg.sender];
        settleSeat(record);
        amount = record.commissionOwed;
        require(amount != 0, NothingGiven());
        record.commissionOwed = 0;
        emit CommissionClaimed(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    // Delegators.

    /// @notice Delegates `assets` of the sender's tokens to a candidate.
    /// @return shares Of the candidate's pool, rounded down.
    function delegate(address candidate, uint256 assets) external nonReentrant returns (uint256 shares) {
        Candidate storage record = records[candidate];
        require(record.place != 0, NoCandidate(candidate));
        shares = addStake(record, candidate, msg.sender, assets);
        token.safeTransferFrom(msg.sender, address(this), assets);
    }

    /// @notice Gives up the sender's shares of a pool for a claim on what they are worth now, rounded down.
    /// @return id The exit: its owner's address in the upper 160 bits.
    function requestExit(address candidate, uint256 shares) external nonReentrant returns (uint256 id) {
        Candidate storage record = records[candidate];
        settleSeat(record);
        Accumulator.Account storage account = delegations[candidate][msg.sender];
        account.settle(record.perShare);
        require(shares <= account.shares, ExceedsShares(shares, account.shares));
        uint256 assets = worth(record, shares);
        require(assets != 0, NothingGiven());
        unchecked {
            account.shares -= uint128(shares);
            record.shares -= uint128(shares);
            record.assets -= uint96(assets);
        }
        uint48 finalAt = uint48(block.timestamp) + unbondingDelay;
        id = (uint256(uint160(msg.sender)) << 96) | exitsMade[msg.sender]++;
        exits[id] = Exit(record.exits.push(assets, finalAt), finalAt, candidate);
        emit ExitRequested(id, candidate, msg.sender, shares, assets, finalAt);
    }

    /// @notice Pays an exit that is final to its owner. Anybody may call.
    function claimExit(uint256 id) external nonReentrant returns (uint256 assets) {
        Exit memory exit_ = exits[id];
        require(exit_.finalAt != 0, UnknownExit(id));
        require(block.timestamp >= exit_.finalAt, NotFinal(id, exit_.finalAt));
        assets = records[exit_.candidate].exits.value(exit_.units, exit_.finalAt);
        delete exits[id];
        address owner = address(uint160(id >> 96));
        emit ExitClaimed(id, owner, assets);
        token.safeTransfer(owner, assets);
    }

    /// @notice Pays the sender's rewards with a candidate.
    function claimReward(address candidate) external nonReentrant returns (uint256 amount) {
        Candidate storage record = records[candidate];
        settleSeat(record);
        Accumulator.Account storage account = delegations[candidate][msg.sender];
        account.settle(record.perShare);
        amount = account.owed;
        require(amount != 0, NothingGiven());
        account.owed = 0;
        emit RewardClaimed(candidate, msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    // Epochs.

    /// @notice Gives rewards of the sender's tokens for the epoch after the next election. Anybody may.
    function giveReward(uint256 amount) external nonReentrant {
        require(amount != 0, NothingGiven());
        pot.rewards = SafeCast.toUint96(pot.rewards + amount);
        emit RewardGiven(msg.sender, amount);
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        require(received == amount, NotReceived(amount, received));
    }

    /// @notice Ends the epoch and elects the validators of the next: by anybody, once it is over.
    /// @dev Elected are those with the most stake, of the same stake those with the lower place, who are not
    /// jailed and have the least own stake. Reverts with `TooEarly`, and if this contract is not the authority.
    function elect() external nonReentrant {
        require(block.timestamp >= nextElection(), TooEarly(nextElection()));
        closeEpoch();
        (address[] memory chosen, uint256 stake) = choose();
        openEpoch(chosen, stake);
        seatValidators(chosen);
    }

    /// @notice From when on `elect` may be called.
    function nextElection() public view returns (uint256) {
        return epoch.start == 0 ? 0 : uint256(epoch.start) + epochDuration;
    }

    // Roles.

    /// @notice Takes `fraction` of a candidate's pool and of its exits that are not final, jails it, and has it
    /// leave the validators if enough remain: by a slasher. A jailed candidate earns nothing more.
    /// @param fraction In 1/10,000; zero to jail only.
    /// @param evidence A hash of the proof, which is used once.
    /// @param jailedUntil Not before that can it be elected. Does not shorten what was set before.
    function slash(address candidate, uint256 fraction, bytes32 evidence, uint48 jailedUntil)
        external
        onlyRole(SLASHER_ROLE)
        nonReentrant
    {
        Candidate storage record = records[candidate];
        require(record.key != bytes32(0), NoCandidate(candidate));
        require(fraction <= SLASH_MAX, SlashAbove(fraction, SLASH_MAX));
        require(!isUsed[evidence], EvidenceUsed(evidence));
        isUsed[evidence] = true;
        settleSeat(record);
        uint256 ofPool = record.assets * fraction / BASIS;
        uint256 ofExits = record.exits.waiting() * fraction / BASIS;
        record.assets -= uint96(ofPool);
        record.exits.lose(ofExits);
        emit Slashed(candidate, evidence, fraction, ofPool, ofExits);
        jail(candidate, record, jailedUntil);
        if (ofPool + ofExits != 0) token.safeTransfer(slashRecipient, ofPool + ofExits);
    }

    /// @notice Sets how many are elected, from the next election on: by the admin.
    function setSeats(uint8 newSeats) external onlyRole(DEFAULT_ADMIN_ROLE) {
        changeSeats(newSeats);
    }

    /// @notice Sets what a candidate has to stake itself to be elected: by the admin.
    function setSelfStakeMin(uint96 newMin) external onlyRole(DEFAULT_ADMIN_ROLE) {
        changeSelfStakeMin(newMin);
    }

    /// @notice Hands the authority over `Validators` on, for a successor of this contract: by the admin. Stakes
    /// can be taken out here as before.
    function handAuthorityOver(address newAuthority) external onlyRole(DEFAULT_ADMIN_ROLE) {
        require(newAuthority != address(0), NoRecipient());
        emit AuthorityHandedOver(newAuthority);
        validators.setAuthority(newAuthority);
    }

    // What there is.

    /// @notice All candidates, by their places.
    function listCandidates() external view returns (address[] memory) {
        return candidates;
    }

    /// @notice Who was elected last.
    function listElected() external view returns (address[] memory) {
        return elected;
    }

    /// @notice A candidate's record.
    /// @return key Zero if it never was one.
    /// @return isCandidate False for those who retired or were displaced.
    /// @return assets Of its pool.
    /// @return shares Of its pool.
    /// @return own What its own shares are worth.
    /// @return seatStake What it was elected with; zero if it has no seat, or lost it.
    /// @return commission In 1/10,000.
    /// @return jailedUntil When it can be elected again.
    function candidateOf(address candidate)
        external
        view
        returns (
            bytes32 key,
            bool isCandidate,
            uint256 assets,
            uint256 shares,
            uint256 own,
            uint256 seatStake,
            uint256 commission,
            uint256 jailedUntil
        )
    {
        Candidate storage record = records[candidate];
        (key, isCandidate) = (record.key, record.place != 0);
        (assets, shares, own) = (record.assets, record.shares, selfStake(record, candidate));
        (seatStake, commission, jailedUntil) = (record.seat.shares, record.commission, record.jailedUntil);
    }

    /// @notice A delegator's shares of a pool, what they are worth, and the rewards that can be claimed.
    function delegationOf(address candidate, address delegator)
        external
        view
        returns (uint256 shares, uint256 assets, uint256 reward)
    {
        Candidate storage record = records[candidate];
        Accumulator.Account storage account = delegations[candidate][delegator];
        shares = account.shares;
        assets = worth(record, shares);
        (uint176 perShare,,) = shared(record);
        (reward,) = account.owedAt(perShare);
    }

    /// @notice A candidate's commission that can be claimed.
    function commissionOwedTo(address candidate) external view returns (uint256) {
        (,, uint256 cut) = shared(records[candidate]);
        return records[candidate].commissionOwed + cut;
    }

    /// @notice What an exit is worth, when it is final, and from which candidate. Zero for one that was paid.
    function exitOf(uint256 id) external view returns (uint256 assets, uint256 finalAt, address candidate) {
        Exit memory exit_ = exits[id];
        if (exit_.finalAt == 0) return (0, 0, address(0));
        assets = records[exit_.candidate].exits.value(exit_.units, exit_.finalAt);
        return (assets, exit_.finalAt, exit_.candidate);
    }

    /// @notice Rewards that wait for the next election, and what is paid out in this epoch.
    function rewards() external view returns (uint256 waiting, uint256 ofEpoch) {
        return (pot.rewards, payout.rewards);
    }

    // Stake.

    function addStake(Candidate storage record, address candidate, address delegator, uint256 assets)
        private
        returns (uint256 shares)
    {
        settleSeat(record);
        Accumulator.Account storage account = delegations[candidate][delegator];
        account.settle(record.perShare);
        // An empty pool may hold a few units that exits left.
        shares = record.shares == 0 ? assets : Math.mulDiv(assets, record.shares, record.assets);
        require(shares != 0, NothingGiven());
        record.assets = SafeCast.toUint96(record.assets + assets);
        record.shares = SafeCast.toUint128(record.shares + shares);
        // Not more than those of the pool.
        unchecked {
            account.shares += uint128(shares);
        }
        emit Delegated(candidate, delegator, assets, shares);
    }

    function worth(Candidate storage record, uint256 shares) private view returns (uint256) {
        return record.shares == 0 ? 0 : Math.mulDiv(shares, record.assets, record.shares);
    }

    function selfStake(Candidate storage record, address candidate) private view returns (uint256) {
        return worth(record, delegations[candidate][candidate].shares);
    }

    // Candidates.

    /// @dev Gives a candidate a key that nobody else has or had.
    function takeKey(Candidate storage record, bytes32 key) private {
        require(Ed25519Key.isValid(key), BadKey(key));
        address owner = keyOwner[key];
        require(owner == address(0), KeyTaken(key, owner));
        owner = operatorOf(key);
        require(owner == address(0) || owner == msg.sender, KeyTaken(key, owner));
        keyOwner[key] = msg.sender;
        record.key = key;
    }

    /// @dev Who operates the validator with a key; zero if there is none.
    function operatorOf(bytes32 key) private view returns (address) {
        Validators.Validator[] memory entries = validators.list();
        for (uint256 i = 0; i < entries.length; i++) {
            if (entries[i].key == key) return entries[i].operator;
        }
        return address(0);
    }

    function drop(address candidate, Candidate storage record) private {
        uint256 place = record.place;
        address last = candidates[candidates.length - 1];
        candidates[place - 1] = last;
        records[last].place = uint8(place);
        candidates.pop();
        record.place = 0;
        emit Retired(candidate, record.key);
    }

    function jail(address candidate, Candidate storage record, uint48 until) private {
        if (until > record.jailedUntil) record.jailedUntil = until;
        bool isRemoved;
        uint256 stake = record.seat.shares;
        if (stake != 0) {
            // What it would have earned until the end of the epoch is for the next.
            uint176 left;
            unchecked {
                left = perStakeAtEnd() - perStakeNow();
            }
            pot.rewards = SafeCast.toUint96(pot.rewards + ((stake * left) >> Accumulator.BITS));
            record.seat.shares = 0;
        }
        // It may not be among them, or they may be too few already, or somebody else be the authority.
        try validators.remove(record.key) {
            isRemoved = true;
        } catch {}
        emit Jailed(candidate, record.jailedUntil, isRemoved);
    }

    // Rewards.

    function perStakeNow() private view returns (uint176) {
        uint256 time = Math.min(block.timestamp - epoch.start, epochDuration);
        return perStakeAfter(uint256(payout.rewards) * time / epochDuration);
    }

    function perStakeAtEnd() private view returns (uint176) {
        return perStakeAfter(payout.rewards);
    }

    function perStakeAfter(uint256 amount) private view returns (uint176 perStake) {
        perStake = epoch.perStake;
        if (payout.stake == 0) return perStake;
        (perStake,) = Accumulator.grow(perStake, pot.remainder, amount, payout.stake);
    }

    /// @dev What `settleSeat` would make of a candidate's sum and remainder, and add to its commission.
    function shared(Candidate storage record) private view returns (uint176 perShare, uint128 remainder, uint256 cut) {
        (perShare, remainder) = (record.perShare, record.remainder);
        if (record.seat.shares == 0 || record.shares == 0) return (perShare, remainder, 0);
        (uint256 amount,) = record.seat.owedAt(perStakeNow());
        // The remainder alone is not shared, though after exits it may be more than the shares that are left.
        if (amount == 0) return (perShare, remainder, 0);
        cut = amount * record.commission / BASIS;
        (perShare, remainder) = Accumulator.grow(perShare, remainder, amount - cut, record.shares);
    }

    /// @dev Gives a candidate's pool what its seat earned until now.
    function settleSeat(Candidate storage record) private {
        if (record.seat.shares == 0) return;
        (uint176 perShare, uint128 remainder, uint256 cut) = shared(record);
        record.seat.settle(perStakeNow());
        uint96 amount = record.seat.owed;
        if (amount == 0) return;
        record.seat.owed = 0;
        if (record.shares == 0) {
            // All have left since the election.
            pot.rewards = SafeCast.toUint96(pot.rewards + uint256(amount));
            return;
        }
        (record.perShare, record.remainder) = (perShare, remainder);
        if (cut != 0) record.commissionOwed = SafeCast.toUint96(record.commissionOwed + cut);
    }

    // Elections.

    /// @dev Pays the epoch that is over to the pools, and frees all seats.
    function closeEpoch() private {
        address[] memory old = elected;
        for (uint256 i = 0; i < old.length; i++) {
            Candidate storage record = records[old[i]];
            settleSeat(record);
            record.seat.shares = 0;
        }
        if (payout.stake == 0) return;
        (epoch.perStake, pot.remainder) = Accumulator.grow(epoch.perStake, pot.remainder, payout.rewards, payout.stake);
    }

    /// @dev The candidates with the most stake who may be elected, up to the number of seats.
    function choose() private returns (address[] memory chosen, uint256 stake) {
        address[] memory all = candidates;
        uint256[] memory order = new uint256[](all.length);
        for (uint256 i = 0; i < all.length; i++) {
            Candidate storage record = records[all[i]];
            if (record.isChanging) changeCommission(all[i], record);
            // Ascending by stake, then descending by place.
            order[i] = (uint256(record.assets) << 16) | (type(uint16).max - i);
        }
        LibSort.sort(order);
        chosen = new address[](Math.min(seats, all.length));
        uint256 count;
        for (uint256 i = all.length; i != 0 && count < chosen.length; i--) {
            address candidate = all[type(uint16).max - (order[i - 1] & type(uint16).max)];
            Candidate storage record = records[candidate];
            if (record.jailedUntil > block.timestamp) continue;
            uint256 own = selfStake(record, candidate);
            if (own == 0 || own < selfStakeMin) continue;
            chosen[count++] = candidate;
            stake += record.assets;
        }
        assembly ("memory-safe") {
            mstore(chosen, count)
        }
    }

    function openEpoch(address[] memory chosen, uint256 stake) private {
        uint176 perStake = epoch.perStake;
        for (uint256 i = 0; i < chosen.length; i++) {
            Candidate storage record = records[chosen[i]];
            (record.seat.shares, record.seat.seen) = (record.assets, perStake);
        }
        epoch.start = uint48(block.timestamp);
        uint96 given = chosen.length == 0 ? 0 : pot.rewards;
        pot.rewards -= given;
        payout = Payout(given, uint128(stake));
        elected = chosen;
        emit Elected(chosen, stake, given);
    }

    function changeCommission(address candidate, Candidate storage record) private {
        if (record.nextCommissionFrom > block.timestamp) return;
        emit CommissionChanged(candidate, record.commission, record.nextCommission);
        (record.commission, record.isChanging) = (record.nextCommission, false);
    }

    /// @dev Brings `Validators` to list the chosen, as far as 4 remain.
    function seatValidators(address[] memory chosen) private {
        bytes32[] memory wanted = new bytes32[](chosen.length);
        for (uint256 i = 0; i < chosen.length; i++) {
            wanted[i] = records[chosen[i]].key;
        }
        wanted.sort();
        (bytes32[] memory ours, bytes32[] memory others) = entriesByOperator();
        bytes32[] memory adding = wanted.difference(ours.union(others));
        bytes32[] memory taken = others.intersection(wanted);
        uint256 count = ours.length + others.length;
        count = addAndRemove(count, adding, jailedFirst(ours.difference(wanted)), others.difference(wanted));
        if (count <= entriesMin) return;
        for (uint256 i = 0; i < taken.length; i++) {
            validators.remove(taken[i]);
            validators.add(taken[i], address(this));
        }
    }

    /// @dev The keys of entries that this contract operates, and of those that others do, each sorted.
    function entriesByOperator() private view returns (bytes32[] memory ours, bytes32[] memory others) {
        Validators.Validator[] memory entries = validators.list();
        (ours, others) = (new bytes32[](entries.length), new bytes32[](entries.length));
        (uint256 countOurs, uint256 countOthers) = (0, 0);
        for (uint256 i = 0; i < entries.length; i++) {
            if (entries[i].operator == address(this)) {
                ours[countOurs++] = entries[i].key;
            } else {
                others[countOthers++] = entries[i].key;
            }
        }
        assembly ("memory-safe") {
            mstore(ours, countOurs)
            mstore(others, countOthers)
        }
        ours.sort();
        others.sort();
    }

    /// @dev The same keys, those of jailed candidates first.
    function jailedFirst(bytes32[] memory keys) private view returns (bytes32[] memory) {
        uint256 front = 0;
        for (uint256 i = 0; i < keys.length; i++) {
            if (records[keyOwner[keys[i]]].jailedUntil <= block.timestamp) continue;
            (keys[front], keys[i]) = (keys[i], keys[front]);
            front++;
        }
        return keys;
    }

    /// @dev Adds entries and removes others, in turns, so that there are never too few or too many.
    /// It removes `ours` first, then `others`, until the fewest are left.
    function addAndRemove(uint256 count, bytes32[] memory adding, bytes32[] memory ours, bytes32[] memory others)
        private
        returns (uint256)
    {
        uint256 removals = ours.length + others.length;
        (uint256 added, uint256 removed) = (0, 0);
        while (true) {
            bool isDone = true;
            if (added < adding.length && count < entriesMax) {
                validators.add(adding[added++], address(this));
                count++;
                isDone = false;
            }
            if (removed < removals && count > entriesMin) {
                validators.remove(removed < ours.length ? ours[removed] : others[removed - ours.length]);
                removed++;
                count--;
                isDone = false;
            }
            if (isDone) return count;
        }
        return count;
    }

    function changeSeats(uint8 newSeats) private {
        require(newSeats >= entriesMin && newSeats <= SEATS_MAX, SettingOutOfRange());
        emit SeatsChanged(seats, newSeats);
        seats = newSeats;
    }

    function changeSelfStakeMin(uint96 newMin) private {
        emit SelfStakeMinChanged(selfStakeMin, newMin);
        selfStakeMin = newMin;
    }
}
