// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ConcentratedFactory} from "../../src/exchange/ConcentratedFactory.sol";
import {ConcentratedPool} from "../../src/exchange/ConcentratedPool.sol";
import {ConcentratedPositions} from "../../src/exchange/ConcentratedPositions.sol";
import {LiquidityMath} from "../../src/exchange/libraries/LiquidityMath.sol";
import {TickMath} from "../../src/exchange/libraries/TickMath.sol";
import {ConcentratedActor} from "./support/ConcentratedActor.sol";
import {ConcentratedHookToken} from "./support/ConcentratedHookToken.sol";
import {ConcentratedTest} from "./support/ConcentratedTest.sol";

contract ConcentratedPositionsTest is ConcentratedTest {
    uint128 private constant ALL = type(uint128).max;

    ConcentratedFactory private factory = new ConcentratedFactory();
    ConcentratedPositions private positions = new ConcentratedPositions(factory);
    ConcentratedPool private pool;
    ConcentratedActor private alice;
    ConcentratedActor private bob;

    function setUp() external {
        sortTokens();
        vm.warp(1.7e9);
        pool = newPool(factory, 3000, ONE);
        alice = newActor(1e40);
        bob = newActor(1e40);
        alice.approve(address(positions));
    }

    /// What is paid is what the pool takes, no more than desired, for the most liquidity that it pays for.
    function test_mintPaysForTheMostLiquidityThatIsDesired(uint256 desired0, uint256 desired1) external {
        desired0 = bound(desired0, 1e6, 1e30);
        desired1 = bound(desired1, 1e6, 1e30);
        uint256 before0 = token0.balanceOf(address(alice));
        uint256 before1 = token1.balanceOf(address(alice));
        ConcentratedPositions.MintParams memory params = mintParams(-600, 1200, desired0, desired1);
        params.recipient = address(bob);
        bytes memory result =
            succeed(alice, address(positions), abi.encodeCall(positions.mint, (params)));
        (uint256 id, uint128 liquidity, uint256 amount0, uint256 amount1) =
            abi.decode(result, (uint256, uint128, uint256, uint256));
        vm.assertEq(before0 - token0.balanceOf(address(alice)), amount0, "paid 0");
        vm.assertEq(before1 - token1.balanceOf(address(alice)), amount1, "paid 1");
        vm.assertEq(token0.balanceOf(address(pool)), amount0, "got 0");
        vm.assertEq(token1.balanceOf(address(pool)), amount1, "got 1");
        vm.assertLe(amount0, desired0, "desired 0");
        vm.assertLe(amount1, desired1, "desired 1");
        // One of the two is used up, but for what the price of one unit of liquidity is at most.
        vm.assertTrue(amount0 + 1 >= desired0 || amount1 + 1 >= desired1, "most");
        vm.assertEq(positions.ownerOf(id), address(bob), "owner");
        vm.assertEq(
            id,
            uint256(
                keccak256(
                    abi.encode(address(alice), bytes32(0), address(pool), int256(-600), int256(1200))
                )
            ),
            "id"
        );
        (ConcentratedPositions.Range memory range, ConcentratedPool.Position memory position) =
            positions.position(id);
        vm.assertEq(address(range.pool), address(pool), "pool");
        vm.assertEq(int256(range.tickLower), -600, "lower");
        vm.assertEq(int256(range.tickUpper), 1200, "upper");
        vm.assertEq(position.liquidity, liquidity, "liquidity");
        vm.assertEq(
            pool.position(address(positions), bytes32(id), -600, 1200).liquidity, liquidity, "in the pool"
        );
        holdsNothing();
    }

    /// Two tokens of one range, and a position that somebody has in the pool itself: each gets what it would
    /// get alone, to the wei.
    /// forge-config: long.fuzz.runs = 5000
    function test_tokensOfOneRangeAreKeptApart(uint256 seed) external {
        uint128 own = uint128(bound(seed, 1e6, 1e20));
        (uint256 first,) = mint(-600, 600, 1e18, bytes32(uint256(1)));
        mint(bob, pool, -600, 600, own);
        swap(bob, pool, seed % 2 == 0, int256(bound(seed >> 8, 1e6, 1e17)));
        (uint256 second, uint128 liquidity) = mint(-600, 600, 1e18, bytes32(uint256(2)));
        mint(bob, pool, -1200, 1200, own);
        for (uint256 i = 0; i < 4; i++) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            swap(bob, pool, random % 2 == 0, int256(random % 1e16 + 1));
            if (i == 1) collectAll(first);
        }
        // As much as the second, from the same time on, and in the pool itself.
        (,, uint256 paid0, uint256 paid1) = decrease(second, liquidity);
        (uint256 got0, uint256 got1) = collectAll(second);
        vm.assertGe(got0, paid0, "fees 0");
        vm.assertGe(got1, paid1, "fees 1");
        vm.assertEq(
            pool.position(address(positions), bytes32(second), -600, 600).tokensOwed0, 0, "all paid"
        );
        (, ConcentratedPool.Position memory left) = positions.position(first);
        vm.assertGt(left.liquidity, 0, "the other one stays");
        holdsNothing();
    }

    /// The same liquidity at the same time, by token and in the pool itself, gets the same.
    /// forge-config: long.fuzz.runs = 5000
    function test_tokenGetsWhatThePoolOwesItsPosition(uint256 seed) external {
        mint(bob, pool, -6000, 6000, 1e20);
        (uint256 id, uint128 liquidity) = mint(-600, 600, 1e18, 0);
        mint(bob, pool, -600, 600, liquidity);
        for (uint256 i = 0; i < 4; i++) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            swap(bob, pool, random % 2 == 0, int256(random % 1e19 + 1));
        }
        burn(bob, pool, -600, 600, liquidity / 3);
        (,, uint256 amount0, uint256 amount1) = decrease(id, liquidity / 3);
        vm.assertTrue(amount0 + amount1 > 0, "something");
        (uint256 expected0, uint256 expected1) = collect(bob, pool, -600, 600);
        (uint256 got0, uint256 got1) = collectAll(id);
        vm.assertEq(got0, expected0, "token 0");
        vm.assertEq(got1, expected1, "token 1");
    }

    function test_increaseAddsToThePositionWhoeverPays() external {
        (uint256 id, uint128 liquidity) = mint(-600, 600, 1e18, 0);
        bob.approve(address(positions));
        uint256 before0 = token0.balanceOf(address(bob));
        bytes memory result = succeed(
            bob,
            address(positions),
            abi.encodeCall(
                positions.increase,
                (ConcentratedPositions.IncreaseParams(id, 1e18, 2e18, 1e18 - 1, 1e18 - 1, block.timestamp))
            )
        );
        (uint128 more, uint256 amount0, uint256 amount1) =
            abi.decode(result, (uint128, uint256, uint256));
        vm.assertEq(more, liquidity, "the same amount, the same liquidity");
        vm.assertEq(amount0, amount1, "at price 1");
        vm.assertEq(before0 - token0.balanceOf(address(bob)), amount0, "by the caller");
        (, ConcentratedPool.Position memory position) = positions.position(id);
        vm.assertEq(position.liquidity, 2 * liquidity, "liquidity");
        vm.assertEq(positions.ownerOf(id), address(alice), "owner");
        holdsNothing();
    }

    function test_onlyTheOwnerOrWhomItApprovedTakesOut() external {
        (uint256 id, uint128 liquidity) = mint(-600, 600, 1e18, 0);
        bytes[] memory calls = new bytes[](3);
        calls[0] = abi.encodeCall(
            positions.decrease,
            (ConcentratedPositions.DecreaseParams(id, liquidity, 0, 0, block.timestamp))
        );
        calls[1] = abi.encodeCall(positions.collect, (id, address(bob), ALL, ALL));
        calls[2] = abi.encodeCall(positions.burn, (id));
        bytes memory reason = abi.encodeWithSelector(
            IERC721Errors.ERC721InsufficientApproval.selector, address(bob), id
        );
        for (uint256 i = 0; i < 3; i++) {
            fail(bob, address(positions), calls[i], reason);
        }
        // Approved for this one, for all, and as its owner.
        succeed(alice, address(positions), abi.encodeCall(positions.approve, (address(bob), id)));
        succeed(bob, address(positions), calls[0]);
        succeed(alice, address(positions), abi.encodeCall(positions.approve, (address(0), id)));
        fail(bob, address(positions), calls[1], reason);
        succeed(
            alice,
            address(positions),
            abi.encodeCall(positions.setApprovalForAll, (address(bob), true))
        );
        succeed(bob, address(positions), calls[1]);
        succeed(
            alice,
            address(positions),
            abi.encodeCall(positions.setApprovalForAll, (address(bob), false))
        );
        fail(bob, address(positions), calls[2], reason);
        succeed(
            alice,
            address(positions),
            abi.encodeCall(positions.transferFrom, (address(alice), address(bob), id))
        );
        succeed(bob, address(positions), calls[2]);
    }

    function test_tokenEndsOnlyWhenItHasNothingAndItsIdStandsForTheSameForever() external {
        (uint256 id, uint128 liquidity) = mint(-600, 600, 1e18, 0);
        bytes memory data = abi.encodeCall(positions.burn, (id));
        bytes memory reason = abi.encodeWithSelector(ConcentratedPositions.NotCleared.selector, id);
        fail(alice, address(positions), data, reason);
        decrease(id, liquidity);
        fail(alice, address(positions), data, reason);
        succeed(
            alice, address(positions), abi.encodeCall(positions.collect, (id, address(alice), ALL, 0))
        );
        fail(alice, address(positions), data, reason);
        collectAll(id);
        succeed(alice, address(positions), data);
        (ConcentratedPool gone,,) = positions.ranges(id);
        vm.assertEq(address(gone), address(0), "range");
        reason = abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, id);
        fail(alice, address(positions), abi.encodeCall(positions.position, (id)), reason);
        fail(alice, address(positions), data, reason);
        fail(
            alice,
            address(positions),
            abi.encodeCall(
                positions.increase,
                (ConcentratedPositions.IncreaseParams(id, 1, 1, 0, 0, block.timestamp))
            ),
            reason
        );
        (uint256 again,) = mint(-600, 600, 1e18, 0);
        vm.assertEq(again, id, "the same range, the same id");
        (uint256 other,) = mint(-600, 660, 1e18, 0);
        vm.assertTrue(other != id, "another range, another id");
    }

    function test_idIsMintedOnce() external {
        (uint256 id,) = mint(-600, 600, 1e18, 0);
        fail(
            alice,
            address(positions),
            abi.encodeCall(positions.mint, (mintParams(-600, 600, 1e18, 1e18))),
            abi.encodeWithSelector(IERC721Errors.ERC721InvalidSender.selector, address(0))
        );
        vm.assertTrue(
            id != positions.idOf(address(bob), 0, pool, -600, 600)
                && id != positions.idOf(address(alice), bytes32(uint256(1)), pool, -600, 600)
                && id == positions.idOf(address(alice), 0, pool, -600, 600),
            "ids"
        );
    }

    function test_allStepsOutCanBeOneTransaction() external {
        (uint256 id, uint128 liquidity) = mint(-600, 600, 1e18, 0);
        bytes[] memory calls = new bytes[](3);
        calls[0] = abi.encodeCall(
            positions.decrease,
            (ConcentratedPositions.DecreaseParams(id, liquidity, 1e18 - 1, 1e18 - 1, block.timestamp))
        );
        calls[1] = abi.encodeCall(positions.collect, (id, address(0xbeef), ALL, ALL));
        calls[2] = abi.encodeCall(positions.burn, (id));
        succeed(alice, address(positions), abi.encodeCall(positions.multicall, (calls)));
        vm.assertEq(token0.balanceOf(address(0xbeef)), 1e18 - 1, "token 0");
        vm.assertEq(token1.balanceOf(address(0xbeef)), 1e18 - 1, "token 1");
        vm.assertEq(positions.balanceOf(address(alice)), 0, "tokens");
        holdsNothing();
    }

    function test_lateCallsAreRefused() external {
        (uint256 id,) = mint(-600, 600, 1e18, 0);
        uint256 deadline = block.timestamp - 1;
        bytes memory reason =
            abi.encodeWithSelector(ConcentratedPositions.Expired.selector, deadline);
        ConcentratedPositions.MintParams memory params = mintParams(-600, 660, 1e18, 1e18);
        params.deadline = deadline;
        fail(alice, address(positions), abi.encodeCall(positions.mint, (params)), reason);
        fail(
            alice,
            address(positions),
            abi.encodeCall(
                positions.increase, (ConcentratedPositions.IncreaseParams(id, 1e18, 1e18, 0, 0, deadline))
            ),
            reason
        );
        fail(
            alice,
            address(positions),
            abi.encodeCall(
                positions.decrease, (ConcentratedPositions.DecreaseParams(id, 1, 0, 0, deadline))
            ),
            reason
        );
    }

    /// At price 1, both amounts are what is desired.
    function test_amountsAreBoundedFromBelow() external {
        ConcentratedPositions.MintParams memory params = mintParams(-600, 600, 1e18, 1e18);
        params.amount0Min = 1e18 + 1;
        bytes memory reason =
            abi.encodeWithSelector(ConcentratedPositions.TooLittle.selector, 1e18, 1e18);
        fail(alice, address(positions), abi.encodeCall(positions.mint, (params)), reason);
        (params.amount0Min, params.amount1Min) = (0, 1e18 + 1);
        fail(alice, address(positions), abi.encodeCall(positions.mint, (params)), reason);
        (params.amount0Min, params.amount1Min) = (1e18, 1e18);
        bytes memory result =
            succeed(alice, address(positions), abi.encodeCall(positions.mint, (params)));
        (uint256 id, uint128 liquidity,,) = abi.decode(result, (uint256, uint128, uint256, uint256));

        ConcentratedPositions.IncreaseParams memory more =
            ConcentratedPositions.IncreaseParams(id, 1e18, 1e18, 1e18 + 1, 0, block.timestamp);
        fail(alice, address(positions), abi.encodeCall(positions.increase, (more)), reason);
        (more.amount0Min, more.amount1Min) = (0, 1e18 + 1);
        fail(alice, address(positions), abi.encodeCall(positions.increase, (more)), reason);

        ConcentratedPositions.DecreaseParams memory less =
            ConcentratedPositions.DecreaseParams(id, liquidity, 1e18, 0, block.timestamp);
        reason =
            abi.encodeWithSelector(ConcentratedPositions.TooLittle.selector, 1e18 - 1, 1e18 - 1);
        fail(alice, address(positions), abi.encodeCall(positions.decrease, (less)), reason);
        (less.amount0Min, less.amount1Min) = (0, 1e18);
        fail(alice, address(positions), abi.encodeCall(positions.decrease, (less)), reason);
        (less.amount0Min, less.amount1Min) = (1e18 - 1, 1e18 - 1);
        succeed(alice, address(positions), abi.encodeCall(positions.decrease, (less)));
    }

    function test_whatIsNoPoolOrRangeIsRefused() external {
        ConcentratedPositions.MintParams memory params = mintParams(-600, 600, 1e18, 1e18);
        params.fee = 500;
        fail(
            alice,
            address(positions),
            abi.encodeCall(positions.mint, (params)),
            abi.encodeWithSelector(
                ConcentratedPositions.UnknownPool.selector, token0, token1, uint24(500)
            )
        );
        params = mintParams(-600, 600, 1e18, 1e18);
        (params.token0, params.token1) = (params.token1, params.token0);
        fail(
            alice,
            address(positions),
            abi.encodeCall(positions.mint, (params)),
            abi.encodeWithSelector(
                ConcentratedPositions.UnknownPool.selector, token1, token0, uint24(3000)
            )
        );
        fail(
            alice,
            address(positions),
            abi.encodeCall(positions.mint, (mintParams(600, 600, 1e18, 1e18))),
            abi.encodeWithSelector(ConcentratedPool.InvalidRange.selector, int24(600), int24(600))
        );
        fail(
            alice,
            address(positions),
            abi.encodeCall(positions.mint, (mintParams(-887280, 600, 1e18, 1e18))),
            abi.encodeWithSelector(TickMath.InvalidTick.selector, int24(-887280))
        );
        fail(
            alice,
            address(positions),
            abi.encodeCall(positions.mint, (mintParams(-600, 600, 0, 0))),
            abi.encodeWithSelector(ConcentratedPool.ZeroAmount.selector)
        );
        (uint256 id,) = mint(-600, 600, 1e18, 0);
        fail(
            alice,
            address(positions),
            abi.encodeCall(positions.collect, (id, address(0), ALL, ALL)),
            abi.encodeWithSelector(ConcentratedPositions.ZeroRecipient.selector)
        );
        fail(
            alice,
            address(positions),
            abi.encodeCall(
                positions.decrease,
                (ConcentratedPositions.DecreaseParams(id, ALL >> 1, 0, 0, block.timestamp))
            ),
            abi.encodeWithSelector(
                LiquidityMath.NotEnoughLiquidity.selector,
                pool.position(address(positions), bytes32(id), -600, 600).liquidity,
                ALL >> 1
            )
        );
    }

    /// Approvals are good for whoever gave them alone.
    function test_nobodyHasOthersPay() external {
        bytes memory reason =
            abi.encodeWithSelector(ConcentratedPositions.NotPayingPool.selector, address(bob));
        fail(
            bob,
            address(positions),
            abi.encodeCall(
                positions.concentratedMintCallback, (1e18, 1e18, abi.encode(address(alice)))
            ),
            reason
        );
        // A genuine pool that this contract is not calling is refused as well.
        vm.expectRevert(
            abi.encodeWithSelector(ConcentratedPositions.NotPayingPool.selector, address(pool))
        );
        vm.prank(address(pool));
        positions.concentratedMintCallback(1e18, 1e18, abi.encode(address(alice)));
    }

    /// A token that calls back cannot have another mint begin, nor the pool's other doors be used.
    function test_paymentCannotBeReentered() external {
        ConcentratedHookToken hook = new ConcentratedHookToken();
        (address low, address high) = address(hook) < address(token0)
            ? (address(hook), address(token0))
            : (address(token0), address(hook));
        factory.createAndInitializePool(low, high, 3000, ONE);
        hook.mint(address(alice), 1e30);
        succeed(
            alice, address(hook), abi.encodeCall(hook.approve, (address(positions), type(uint256).max))
        );
        ConcentratedPositions.MintParams memory params = mintParams(-600, 600, 1e18, 1e18);
        hook.beforeTransfer(address(positions), abi.encodeCall(positions.mint, (params)));
        (params.token0, params.token1) = (low, high);
        succeed(alice, address(positions), abi.encodeCall(positions.mint, (params)));
        vm.assertTrue(!hook.hasSucceeded(), "inner mint");
        vm.assertEq(
            hook.result(),
            abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector),
            "reason"
        );
        hook.beforeTransfer(
            address(positions),
            abi.encodeCall(positions.concentratedMintCallback, (1e18, 0, abi.encode(address(alice))))
        );
        params.salt = bytes32(uint256(1));
        succeed(alice, address(positions), abi.encodeCall(positions.mint, (params)));
        vm.assertTrue(!hook.hasSucceeded(), "inner payment");
    }

    /// Others can give to a position, and do no harm by it.
    function test_giftsToAPositionAreItsOwners() external {
        (uint256 id, uint128 liquidity) = mint(-600, 600, 1e18, 0);
        bytes memory gift = abi.encodeCall(
            pool.mintWithSalt, (address(positions), bytes32(id), -600, 600, 1e18, "")
        );
        succeed(bob, address(pool), gift);
        decrease(id, liquidity + 1e18);
        (uint256 got0, uint256 got1) = collectAll(id);
        vm.assertGt(got0, 1e18, "token 0");
        vm.assertGt(got1, 1e18, "token 1");
    }

    function test_operationsAreTold() external {
        uint256 id = positions.idOf(address(alice), 0, pool, -600, 600);
        // 1e18 by the 0.029553010879137169... that one of liquidity costs.
        vm.recordLogs();
        (, uint128 liquidity) = mint(-600, 600, 1e18, 0);
        vm.assertApproxEqRel(liquidity, 1e36 / uint256(29553010879137169), 1e3, "liquidity");
        vm.expectEmit(address(positions));
        emit ConcentratedPositions.IncreaseLiquidity(id, liquidity, 1e18, 1e18);
        succeed(
            alice,
            address(positions),
            abi.encodeCall(
                positions.increase,
                (ConcentratedPositions.IncreaseParams(id, 1e18, 1e18, 0, 0, block.timestamp))
            )
        );
        vm.expectEmit(address(positions));
        emit ConcentratedPositions.DecreaseLiquidity(id, liquidity, 1e18 - 1, 1e18 - 1);
        decrease(id, liquidity);
        vm.expectEmit(address(positions));
        emit ConcentratedPositions.Collect(id, address(alice), 1e18 - 1, 1e18 - 1);
        collectAll(id);
    }

    function mintParams(int24 lower, int24 upper, uint256 desired0, uint256 desired1)
        private
        view
        returns (ConcentratedPositions.MintParams memory)
    {
        return ConcentratedPositions.MintParams(
            address(token0),
            address(token1),
            3000,
            lower,
            upper,
            desired0,
            desired1,
            0,
            0,
            address(alice),
            block.timestamp,
            0
        );
    }

    function mint(int24 lower, int24 upper, uint256 desired, bytes32 salt)
        private
        returns (uint256 id, uint128 liquidity)
    {
        ConcentratedPositions.MintParams memory params = mintParams(lower, upper, desired, desired);
        params.salt = salt;
        bytes memory result =
            succeed(alice, address(positions), abi.encodeCall(positions.mint, (params)));
        (id, liquidity,,) = abi.decode(result, (uint256, uint128, uint256, uint256));
    }

    function decrease(uint256 id, uint128 liquidity)
        private
        returns (uint256, uint128, uint256 amount0, uint256 amount1)
    {
        bytes memory result = succeed(
            alice,
            address(positions),
            abi.encodeCall(
                positions.decrease,
                (ConcentratedPositions.DecreaseParams(id, liquidity, 0, 0, block.timestamp))
            )
        );
        (amount0, amount1) = abi.decode(result, (uint256, uint256));
        return (id, liquidity, amount0, amount1);
    }

    function collectAll(uint256 id) private returns (uint256, uint256) {
        bytes memory result = succeed(
            alice,
            address(positions),
            abi.encodeCall(positions.collect, (id, address(alice), ALL, ALL))
        );
        return abi.decode(result, (uint256, uint256));
    }

    function holdsNothing() private view {
        vm.assertEq(token0.balanceOf(address(positions)), 0, "holds token 0");
        vm.assertEq(token1.balanceOf(address(positions)), 0, "holds token 1");
    }
}
