// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {SSTORE2} from "solady/utils/SSTORE2.sol";
import {Observations} from "./Observations.sol";
import {Seats} from "./Seats.sol";

/// @title Who reports for which feed, and with what at stake
/// @notice A reporter posts a bond for each feed that it reports for. The authority appoints the reporters of
/// a feed, with a delay. A reporter that signs two different observations for the same round and attempt of a
/// feed loses its bond and its seat to whoever shows both.
/// @dev What an appointed set promises: of its n seats at most f = floor((n - 1) / 3) lie. The quorum is
/// 2f + 1 and belongs to the appointment: when reporters leave or are slashed, n and the quorum stay, so that
/// fewer reporters never make it easier to move a median. A feed stops accepting reports when less than the
/// quorum, or less than four, are left, until a new set is appointed.
///
/// Evidence does not expire: as long as a bond lies here it can be taken. A reporter that leaves gives up its
/// seat at once, and its bond stays for `unbondingDelay`, which is therefore the time in which its last
/// observations can be proved wrong.
///
/// Slots: a feed's set is one slot, written by appointments, leaving and slashing only, and read by every
/// report; it is never hot. A bond is two slots of its own pair of feed and reporter. There are no totals.
/// The reporters themselves lie in the code of a contract that each appointment makes.
///
/// The bond is a plain ERC-20 token. Tokens that take a fee of a transfer, or change balances by themselves,
/// are not supported.
contract ReporterRegistry is AccessControl, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    enum State {
        None,
        Joined,
        Leaving,
        Slashed
    }

    struct Config {
        /// Who gives and takes the roles.
        address admin;
        /// Token of the bonds.
        IERC20 token;
        /// Bond without which nobody is appointed, in units of the token.
        uint128 bondMin;
        /// Gets what the reporter of a fault does not.
        address fund;
        /// Part of a slashed bond for the reporter of a fault, in 1e-4.
        uint16 rewardShare;
        /// Between the announcement of a set and its appointment, in seconds.
        uint32 appointmentDelay;
        /// Between leaving and getting the bond back, in seconds.
        uint32 unbondingDelay;
    }

    /// For one pair of feed and reporter.
    struct Reporter {
        /// Gets the bond back. The key that signs is in daily use, and had better not own it.
        address owner;
        /// When leaving.
        uint48 withdrawableAt;
        State state;
        uint128 bond;
    }

    /// One slot.
    struct Set {
        /// Contract whose code is the reporters by seat (`Seats`).
        address list;
        /// Bit i says that seat i is taken.
        uint32 active;
        uint8 count;
        uint8 activeCount;
        uint48 appointedAt;
    }

    struct Announcement {
        /// Of the reporters, in ABI encoding.
        bytes32 hash;
        uint48 readyAt;
    }

    /// @notice Role that announces sets, and calls them off.
    bytes32 public constant APPOINTER_ROLE = keccak256("APPOINTER_ROLE");
    /// @notice Role that calls announced sets off.
    bytes32 public constant CANCELLER_ROLE = keccak256("CANCELLER_ROLE");

    /// @notice Least reporters of a feed.
    uint256 public constant REPORTERS_MIN = Observations.REPORTERS_MIN;
    /// @notice Most reporters of a feed.
    uint256 public constant REPORTERS_MAX = Observations.REPORTERS_MAX;
    /// @notice Of a slashed bond at most so much goes to the reporter of the fault, in 1e-4: who reports its own
    /// fault loses half at least.
    uint256 public constant REWARD_SHARE_MAX = 5000;
    /// @notice Least time between the announcement and the appointment of a set.
    uint256 public constant APPOINTMENT_DELAY_MIN = 1 days;
    /// @notice How long an announced set may be appointed, so that none lies ready for a bad moment.
    uint256 public constant APPOINTMENT_WINDOW = 14 days;
    /// @notice Least time in which the last observations of one that leaves can be proved wrong.
    uint256 public constant UNBONDING_DELAY_MIN = 7 days;

    uint256 private constant BASIS = 1e4;

    /// @notice Token of the bonds.
    IERC20 public immutable token;
    /// @notice Least bond of who is appointed.
    uint128 public immutable bondMin;
    /// @notice Gets what the reporter of a fault does not.
    address public immutable fund;
    /// @notice Part of a slashed bond for the reporter of a fault, in 1e-4.
    uint256 public immutable rewardShare;
    /// @notice Between the announcement of a set and its appointment, in seconds.
    uint256 public immutable appointmentDelay;
    /// @notice Between leaving and getting the bond back, in seconds.
    uint256 public immutable unbondingDelay;

    /// @notice Reporters by feed and address.
    mapping(address feed => mapping(address reporter => Reporter)) public reporters;
    /// @notice Sets by feed. `committee` gives the same in a form to use.
    mapping(address feed => Set) public sets;
    /// @notice Announced sets by feed.
    mapping(address feed => Announcement) public announcements;
    /// @notice What slashing has credited to an account, and `claim` pays.
    mapping(address account => uint256) public owed;

    event Joined(address indexed feed, address indexed reporter, address indexed owner);
    event BondAdded(address indexed feed, address indexed reporter, address indexed payer, uint256 amount);
    event LeaveBegan(address indexed feed, address indexed reporter, uint256 withdrawableAt);
    event Withdrawn(address indexed feed, address indexed reporter, address indexed owner, uint256 amount);
    event Slashed(
        address indexed feed,
        address indexed reporter,
        uint32 round,
        uint32 attempt,
        address indexed recipient,
        uint256 reward,
        uint256 fundShare
    );
    event Claimed(address indexed account, uint256 amount);
    event SetAnnounced(address indexed feed, address[] reporters, uint256 readyAt);
    event SetCalledOff(address indexed feed, bytes32 hash);
    /// Bit i of `active` says that the reporter of seat i had a bond, and so took its seat.
    event SetAppointed(address indexed feed, address[] reporters, uint256 active, uint256 quorum);
    event SeatVacated(address indexed feed, address indexed reporter, uint256 seat, uint256 activeCount);
    /// The feed accepts no reports until a new set is appointed.
    event SetNotWhole(address indexed feed, uint256 activeCount, uint256 needed);

    error WrongConfig();
    error NoAccount();
    error NothingGiven();
    error WrongState(address reporter, State state);
    error NotAllowed(address caller);
    error NotWithdrawableYet(uint256 withdrawableAt);
    error NothingOwed(address account);
    error WrongCount(uint256 count);
    error NotAscending(uint256 position);
    error NotAnnounced(address feed);
    error NotInWindow(uint256 readyAt, uint256 expiresAt);
    error TooFewBonded(uint256 bonded, uint256 needed);
    error NoConflict();
    error WrongSignature();
    error DifferentSigners(address first, address second);

    /// @dev Reverts with `WrongConfig` where a value is out of the bounds that the constants give, or a delay
    /// could outlast the time fields.
    constructor(Config memory config) {
        require(config.admin != address(0) && config.fund != address(0), NoAccount());
        require(address(config.token) != address(0) && config.bondMin != 0, WrongConfig());
        require(config.rewardShare <= REWARD_SHARE_MAX, WrongConfig());
        require(config.appointmentDelay >= APPOINTMENT_DELAY_MIN, WrongConfig());
        require(config.unbondingDelay >= UNBONDING_DELAY_MIN, WrongConfig());
        token = config.token;
        bondMin = config.bondMin;
        fund = config.fund;
        rewardShare = config.rewardShare;
        appointmentDelay = config.appointmentDelay;
        unbondingDelay = config.unbondingDelay;
        _grantRole(DEFAULT_ADMIN_ROLE, config.admin);
    }

    /// @notice The set of a feed, as a report needs it.
    /// @return list Reporters by seat (`Seats`), those of vacated seats included.
    /// @return active Bit i says that seat i is taken.
    /// @return quorum How many observations a report needs; zero without a set.
    /// @return isWhole Whether so many seats are taken that the feed accepts reports.
    function committee(address feed)
        external
        view
        returns (bytes memory list, uint256 active, uint256 quorum, bool isWhole)
    {
        Set memory set = sets[feed];
        if (set.count == 0) return (list, 0, 0, false);
        list = SSTORE2.read(set.list);
        active = set.active;
        quorum = Observations.quorum(set.count);
        isWhole = set.activeCount >= Observations.seatsNeeded(set.count);
    }

    /// @notice Whether so many seats of a feed are taken that it accepts reports.
    function isSetWhole(address feed) external view returns (bool) {
        Set memory set = sets[feed];
        return set.count != 0 && set.activeCount >= Observations.seatsNeeded(set.count);
    }

    /// @notice Who reports for a feed now, by ascending address.
    function activeReporters(address feed) external view returns (address[] memory accounts) {
        Set memory set = sets[feed];
        accounts = new address[](set.activeCount);
        if (set.count == 0) return accounts;
        bytes memory list = SSTORE2.read(set.list);
        uint256 next = 0;
        for (uint256 seat = 0; seat < set.count; seat++) {
            if (set.active & (1 << seat) != 0) accounts[next++] = Seats.holder(list, seat);
        }
    }

    /// @notice The caller offers itself as a reporter for a feed. `addBond` follows, from any account.
    /// @param owner Gets the bond back, and may have the reporter leave.
    /// @dev Reverts with `WrongState` if the caller has joined and not withdrawn, or was slashed.
    function join(address feed, address owner) external {
        require(owner != address(0), NoAccount());
        Reporter storage reporter = reporters[feed][msg.sender];
        require(reporter.state == State.None, WrongState(msg.sender, reporter.state));
        (reporter.owner, reporter.state) = (owner, State.Joined);
        emit Joined(feed, msg.sender, owner);
    }

    /// @notice Adds to the bond of a reporter that has joined. Whoever pays gets nothing for it.
    /// @dev Reverts with `WrongState` if it has not joined, or leaves.
    function addBond(address feed, address account, uint256 amount) external nonReentrant {
        require(amount != 0, NothingGiven());
        Reporter storage reporter = reporters[feed][account];
        require(reporter.state == State.Joined, WrongState(account, reporter.state));
        reporter.bond = SafeCast.toUint128(reporter.bond + amount);
        token.safeTransferFrom(msg.sender, address(this), amount);
        emit BondAdded(feed, account, msg.sender, amount);
    }

    /// @notice Has a reporter give up its seat at once, and starts the delay after which its bond can be
    /// withdrawn. By the reporter or its owner.
    /// @dev Nobody can be made to report, so a seat is not held longer than its reporter wants it. The
    /// quorum stays.
    function exit(address feed, address account) external {
        Reporter storage reporter = reporters[feed][account];
        require(msg.sender == account || msg.sender == reporter.owner, NotAllowed(msg.sender));
        require(reporter.state == State.Joined, WrongState(account, reporter.state));
        uint256 withdrawableAt = block.timestamp + unbondingDelay;
        (reporter.state, reporter.withdrawableAt) = (State.Leaving, uint48(withdrawableAt));
        emit LeaveBegan(feed, account, withdrawableAt);
        vacate(feed, account);
    }

    /// @notice Pays the bond of a reporter that has left to its owner. By anybody.
    /// @dev The reporter may join anew, and what it signed before still counts against it then.
    function withdraw(address feed, address account) external nonReentrant {
        Reporter memory reporter = reporters[feed][account];
        require(reporter.state == State.Leaving, WrongState(account, reporter.state));
        require(block.timestamp >= reporter.withdrawableAt, NotWithdrawableYet(reporter.withdrawableAt));
        delete reporters[feed][account];
        emit Withdrawn(feed, account, reporter.owner, reporter.bond);
        token.safeTransfer(reporter.owner, reporter.bond);
    }

    /// @notice Takes the whole bond of a reporter that signed two different observations for the same round
    /// and attempt of a feed, and its seat, for good. By anybody.
    /// @param recipient Is credited `rewardShare` of the bond, rounded down; the fund is credited the rest.
    /// Both are paid by `claim`, so that no transfer can stand in the way of the removal.
    /// @dev Whether the reporter had a seat does not matter: who signs at most one observation for each round
    /// and attempt of a feed cannot be slashed, whoever asks. Two signatures of the same content are no
    /// fault. Who sees the evidence on its way may send it first and take the reward. Reverts with
    /// `NoConflict`, `WrongSignature`, `DifferentSigners`, or `WrongState` if the signer has no bond here.
    function slash(
        address feed,
        Observations.Observation calldata first,
        Observations.Signature calldata firstSignature,
        Observations.Observation calldata second,
        Observations.Signature calldata secondSignature,
        address recipient
    ) external returns (address account) {
        require(recipient != address(0), NoAccount());
        require(first.round == second.round && first.attempt == second.attempt, NoConflict());
        require(first.value != second.value || first.observedAt != second.observedAt, NoConflict());
        bytes32 domain = Observations.domainSeparator(feed);
        account = Observations.signer(domain, first, firstSignature);
        address other = Observations.signer(domain, second, secondSignature);
        require(account != address(0) && other != address(0), WrongSignature());
        require(account == other, DifferentSigners(account, other));
        (uint256 reward, uint256 fundShare) = takeBond(feed, account, recipient);
        emit Slashed(feed, account, first.round, first.attempt, recipient, reward, fundShare);
        vacate(feed, account);
    }

    /// @notice Pays an account what slashing has credited to it. By anybody.
    function claim(address account) external nonReentrant returns (uint256 amount) {
        amount = owed[account];
        require(amount != 0, NothingOwed(account));
        owed[account] = 0;
        emit Claimed(account, amount);
        token.safeTransfer(account, amount);
    }

    /// @notice Announces who shall report for a feed. Replaces what was announced before.
    /// @param accounts Four to 31, in strictly ascending order.
    function announce(address feed, address[] calldata accounts) external onlyRole(APPOINTER_ROLE) {
        require(accounts.length >= REPORTERS_MIN && accounts.length <= REPORTERS_MAX, WrongCount(accounts.length));
        address previous = address(0);
        for (uint256 i = 0; i < accounts.length; i++) {
            require(accounts[i] > previous, NotAscending(i));
            previous = accounts[i];
        }
        uint256 readyAt = block.timestamp + appointmentDelay;
        announcements[feed] = Announcement(keccak256(abi.encode(accounts)), uint48(readyAt));
        emit SetAnnounced(feed, accounts, readyAt);
    }

    /// @notice Calls off what was announced for a feed.
    function callOff(address feed) external {
        if (!hasRole(CANCELLER_ROLE, msg.sender)) _checkRole(APPOINTER_ROLE);
        bytes32 hash = announcements[feed].hash;
        require(hash != 0, NotAnnounced(feed));
        delete announcements[feed];
        emit SetCalledOff(feed, hash);
    }

    /// @notice Puts an announced set in place, from `appointmentDelay` after the announcement on. By anybody.
    /// @dev Who has not joined or has too little bond at this moment gets no seat, but counts in n, so nobody
    /// can stop an appointment by not turning up. Reverts with `TooFewBonded` if the set would not be whole.
    function appoint(address feed, address[] calldata accounts) external {
        Announcement memory announced = announcements[feed];
        require(announced.hash == keccak256(abi.encode(accounts)), NotAnnounced(feed));
        uint256 expiresAt = uint256(announced.readyAt) + APPOINTMENT_WINDOW;
        require(
            block.timestamp >= announced.readyAt && block.timestamp <= expiresAt,
            NotInWindow(announced.readyAt, expiresAt)
        );
        delete announcements[feed];

        (bytes memory list, uint32 active, uint8 activeCount) = fill(feed, accounts);
        uint256 needed = Observations.seatsNeeded(accounts.length);
        require(activeCount >= needed, TooFewBonded(activeCount, needed));
        sets[feed] = Set(SSTORE2.write(list), active, uint8(accounts.length), activeCount, uint48(block.timestamp));
        emit SetAppointed(feed, accounts, active, Observations.quorum(accounts.length));
    }

    /// Who of `accounts` takes the seat that its position gives.
    function fill(address feed, address[] calldata accounts)
        private
        view
        returns (bytes memory list, uint32 active, uint8 activeCount)
    {
        for (uint256 i = 0; i < accounts.length; i++) {
            list = bytes.concat(list, bytes20(accounts[i]));
            Reporter storage reporter = reporters[feed][accounts[i]];
            if (reporter.state == State.Joined && reporter.bond >= bondMin) {
                active |= uint32(1 << i);
                activeCount++;
            }
        }
    }

    /// Moves the bond of a slashed reporter to what is owed, and bars the reporter.
    function takeBond(address feed, address account, address recipient)
        private
        returns (uint256 reward, uint256 fundShare)
    {
        Reporter storage reporter = reporters[feed][account];
        State state = reporter.state;
        require(state == State.Joined || state == State.Leaving, WrongState(account, state));
        uint256 bond = reporter.bond;
        (reporter.bond, reporter.state) = (0, State.Slashed);
        reward = bond * rewardShare / BASIS;
        fundShare = bond - reward;
        owed[recipient] += reward;
        owed[fund] += fundShare;
    }

    /// Takes the seat of a reporter, if it has one.
    function vacate(address feed, address account) private {
        Set memory set = sets[feed];
        if (set.count == 0) return;
        (bool isFound, uint256 place) = Seats.find(SSTORE2.read(set.list), account);
        uint32 bit = uint32(1 << place);
        if (!isFound || set.active & bit == 0) return;
        set.active &= ~bit;
        set.activeCount--;
        sets[feed] = set;
        emit SeatVacated(feed, account, place, set.activeCount);
        uint256 needed = Observations.seatsNeeded(set.count);
        if (set.activeCount < needed) emit SetNotWhole(feed, set.activeCount, needed);
    }
}
