// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ConstantProductPool} from "../../src/exchange/ConstantProductPool.sol";
import {ConstantProductFactory} from "../../src/exchange/ConstantProductFactory.sol";
import {Test} from "../support/Test.sol";
import {FlashBorrower} from "./support/FlashBorrower.sol";
import {Token} from "./support/Token.sol";

/// What the tests ask of Uniswap's contracts.
interface Peer {
    function createPair(address, address) external returns (address);
    function price0CumulativeLast() external view returns (uint256);
    function price1CumulativeLast() external view returns (uint256);
    function getReserves() external view returns (uint112, uint112, uint32);
    function totalSupply() external view returns (uint256);
    function balanceOf(address) external view returns (uint256);
    function transfer(address, uint256) external returns (bool);
}

/// Our pool does to the wei what the bytecode of Uniswap v2-core 1.0.1 does, and reverts when that does.
/// Both stand side by side, have the same tokens, and get the same operations.
contract UniswapV2Test is Test {
    string private constant BUILD = "peers/node_modules/@uniswap/v2-core/build/UniswapV2Factory.json";
    uint256 private constant OPERATIONS = 40;
    uint256 private constant MANY_OPERATIONS = 1500;

    Token private token0 = new Token();
    Token private token1 = new Token();
    address private theirs;
    ConstantProductPool private ours;
    FlashBorrower private borrower = new FlashBorrower();
    address[3] private actors = [address(0xa11ce), address(0xb0b), address(0xca401)];

    // State of a sequence: what random numbers follow from, how big amounts are, what has succeeded.
    uint256 private random;
    uint256 private bits;
    uint256[10] private tried;
    uint256[10] private succeeded;

    function setUp() external {
        if (!vm.isFile(BUILD)) return;
        if (address(token0) > address(token1)) (token0, token1) = (token1, token0);
        bytes memory code = vm.parseJsonBytes(vm.readFile(BUILD), ".bytecode");
        code = bytes.concat(code, abi.encode(address(this)));
        address peerFactory;
        assembly {
            peerFactory := create(0, add(code, 32), mload(code))
        }
        vm.assertTrue(peerFactory != address(0), "their factory");
        theirs = Peer(peerFactory).createPair(address(token0), address(token1));
        ours = ConstantProductPool(new ConstantProductFactory().createPool(address(token0), address(token1)));
        vm.warp(1_700_000_000);
    }

    modifier ifInstalled() {
        if (theirs == address(0)) {
            vm.skip(true, "Uniswap v2-core is not installed: npm ci --ignore-scripts --prefix peers");
        }
        _;
    }

    function test_sequencesOfOperationsDoTheSame(uint256 seed) external ifInstalled {
        run(seed, OPERATIONS);
    }

    /// Long enough for sizes to drift and for all kinds to succeed.
    function test_aLongSequenceDoesTheSame() external ifInstalled {
        random = uint256(keccak256("a long sequence"));
        bits = 80;
        // Funded, so that not all depends on the first operation.
        give(1e24, 3e24);
        both(abi.encodeCall(ours.mint, (actors[0])), 0);
        for (uint256 i = 0; i < MANY_OPERATIONS; i++) {
            step();
        }
        for (uint256 i = 0; i < 10; i++) {
            // Of each kind, many were tried, and a good part succeeded. 9 is what must fail.
            vm.assertGt(tried[i], MANY_OPERATIONS / 40, "tried");
            if (i == 9) vm.assertEq(succeeded[i], 0, "must fail");
            else vm.assertGt(succeeded[i], tried[i] / 8, "succeeded");
        }
    }

    /// Prices add up over the end of 32-bit time as theirs do.
    function test_timeWrapsAround() external ifInstalled {
        vm.warp(type(uint32).max - 10);
        give(7e18, 11e18);
        both(abi.encodeCall(ours.mint, (actors[0])), 0);
        vm.warp(uint256(type(uint32).max) + 25);
        both(abi.encodeCall(ours.sync, ()), 5);
        vm.assertGt(ours.price0CumulativeLast(), 0, "a price has been counted");
    }

    /// Reserves up to the last one that fits, and not one more.
    function test_reservesOverflowAtTheSameAmount(uint256 amount) external ifInstalled {
        amount = bound(amount, 1e6, type(uint112).max);
        give(amount, amount);
        both(abi.encodeCall(ours.mint, (actors[0])), 0);
        give(type(uint112).max - amount, type(uint112).max - amount);
        both(abi.encodeCall(ours.sync, ()), 5);
        vm.assertEq(succeeded[5], 1, "fits");
        give(1, 0);
        both(abi.encodeCall(ours.sync, ()), 5);
        vm.assertEq(succeeded[5], 1, "does not fit");
    }

    function run(uint256 seed, uint256 operations) private {
        random = seed;
        bits = 8 + next() % 105;
        if (next() % 4 != 0) {
            give(sized(), sized());
            both(abi.encodeCall(ours.mint, (actors[0])), 0);
        }
        for (uint256 i = 0; i < operations; i++) {
            step();
        }
    }

    /// One operation.
    function step() private {
        uint256 kind = next() % 14;
        address actor = actors[next() % 3];
        // Burning is likelier than minting, as a whole sequence would end with full pools otherwise.
        if (kind < 1) {
            mint(actor);
        } else if (kind < 3) {
            burn(actor);
        } else if (kind < 7) {
            swap(actor);
        } else if (kind < 9) {
            flash();
        } else if (kind == 9) {
            both(abi.encodeCall(ours.skim, (next() % 8 == 0 ? address(borrower) : actor)), 4);
        } else if (kind == 10) {
            both(abi.encodeCall(ours.sync, ()), 5);
        } else if (kind == 11) {
            // A gift, and then anything.
            give(next() % 3 == 0 ? 0 : sized() / 16, next() % 3 == 0 ? 0 : sized() / 16);
            tried[6]++;
            succeeded[6]++;
        } else if (kind == 12) {
            vm.warp(block.timestamp + (next() % 16 == 0 ? next() % 2 ** 33 : next() % 1000));
            tried[7]++;
            succeeded[7]++;
            transfer(actor);
        } else {
            swapWrongly(actor);
        }
    }

    function mint(address actor) private {
        (uint256 reserve0, uint256 reserve1,) = ours.getReserves();
        if (reserve0 != 0 && next() % 4 != 0) {
            // About in proportion.
            uint256 part = next() % 2 ** 31;
            give(reserve0 * part / 2 ** 32, reserve1 * part / 2 ** 32 + next() % 3);
        } else {
            give(sized(), sized());
        }
        both(abi.encodeCall(ours.mint, (actor)), 0);
    }

    function burn(address actor) private {
        uint256 shares = ours.balanceOf(actor);
        shares = next() % 8 == 0 ? shares : shares * (next() % 2 ** 32) / 2 ** 32;
        transferShares(actor, address(ours), theirs, shares);
        both(abi.encodeCall(ours.burn, (actor)), 1);
    }

    /// What comes out is the most that is allowed, or a bit more or less.
    function swap(address actor) private {
        (uint256 reserve0, uint256 reserve1,) = ours.getReserves();
        bool zeroForOne = next() % 2 == 0;
        (uint256 reserveIn, uint256 reserveOut) = zeroForOne ? (reserve0, reserve1) : (reserve1, reserve0);
        uint256 amountIn = next() % 8 == 0 ? sized() : reserveIn * (next() % 2 ** 32) / 2 ** 33;
        amountIn = next() % 16 == 0 ? next() % 100 : amountIn;
        uint256 amountOut;
        if (amountIn != 0 && reserveIn != 0) {
            amountOut = reserveOut * amountIn * 997 / (reserveIn * 1000 + amountIn * 997);
        }
        uint256 what = next() % 8;
        if (what == 0) amountOut += 1;
        if (what == 1) amountOut = amountOut == 0 ? 0 : amountOut - 1;
        if (what == 2) amountOut += next() % 1000;
        // Some of what comes in comes out again.
        uint256 back = what == 3 ? amountIn * (next() % 1100) / 1000 : 0;
        if (zeroForOne) {
            give(amountIn, 0);
            both(abi.encodeCall(ours.swap, (back, amountOut, actor, "")), 2);
        } else {
            give(0, amountIn);
            both(abi.encodeCall(ours.swap, (amountOut, back, actor, "")), 2);
        }
    }

    /// The borrower pays about what is due, of one token or both, and may call the pool meanwhile.
    function flash() private {
        (uint256 reserve0, uint256 reserve1,) = ours.getReserves();
        uint256[2] memory out =
            [reserve0 * (next() % 2 ** 32) / 2 ** 32, next() % 2 == 0 ? 0 : reserve1 * (next() % 2 ** 32) / 2 ** 32];
        uint256[2] memory paid;
        if (next() % 2 == 0) {
            // The same tokens. 0.3 % of what is paid is the least that is enough.
            paid[0] = out[0] * 1000 / 997 + next() % 2;
            paid[1] = out[1] * 1000 / 997 + next() % 2;
        } else if (out[0] < reserve0) {
            // The first one out, the second one in.
            out[1] = 0;
            paid[1] = reserve1 * out[0] * 1000 / ((reserve0 - out[0]) * 997) + next() % 2;
        }
        bytes[4] memory calls = [
            bytes(""),
            abi.encodeCall(ours.sync, ()),
            abi.encodeCall(ours.mint, (actors[0])),
            abi.encodeCall(ours.skim, (actors[0]))
        ];
        bytes memory data = abi.encode([token0, token1], paid, calls[next() % 4]);
        both(abi.encodeCall(ours.swap, (out[0], out[1], address(borrower), data)), 3);
        vm.assertTrue(!borrower.reentered(), "cannot be entered meanwhile");
    }

    function transfer(address actor) private {
        uint256 shares = ours.balanceOf(actor) * (next() % 2 ** 32) / 2 ** 32;
        address to = actors[next() % 3];
        transferShares(actor, to, to, shares);
        tried[8]++;
        succeeded[8]++;
    }

    /// Nothing out, too much out, a token as the recipient, nothing in, a callback of who has no code.
    function swapWrongly(address actor) private {
        (uint256 reserve0, uint256 reserve1,) = ours.getReserves();
        both(abi.encodeCall(ours.skim, (actor)), 4);
        uint256 what = next() % 6;
        bytes memory call = abi.encodeCall(ours.swap, (1, 0, actor, ""));
        if (what == 1) call = abi.encodeCall(ours.swap, (0, 0, actor, ""));
        if (what == 2) call = abi.encodeCall(ours.swap, (reserve0, 0, actor, ""));
        if (what == 3) call = abi.encodeCall(ours.swap, (0, reserve1, actor, ""));
        if (what == 4) {
            call = abi.encodeCall(ours.swap, (1, 0, next() % 2 == 0 ? address(token0) : address(token1), ""));
        }
        if (what == 5) call = abi.encodeCall(ours.swap, (1, 0, actor, "data"));
        if (what > 3) give(reserve0 / 100 + 10, reserve1 / 100 + 10);
        both(call, 9);
    }

    /// Calls both, and compares what they say, and all that they are, afterwards.
    function both(bytes memory call, uint256 kind) private {
        // Their division by zero uses up all the gas that it is given.
        (bool isOurs, bytes memory said) = address(ours).call{gas: 2_000_000}(call);
        (bool isTheirs, bytes memory theySaid) = theirs.call{gas: 2_000_000}(call);
        vm.assertEq(isOurs, isTheirs, "reverts alike");
        if (isOurs) vm.assertEq(said, theySaid, "returns alike");
        tried[kind]++;
        if (isOurs) succeeded[kind]++;
        compare();
    }

    function compare() private view {
        Peer peer = Peer(theirs);
        (uint112 reserve0, uint112 reserve1, uint32 time) = ours.getReserves();
        (uint112 their0, uint112 their1, uint32 theirTime) = peer.getReserves();
        vm.assertEq(reserve0, their0, "first reserve");
        vm.assertEq(reserve1, their1, "second reserve");
        vm.assertEq(time, theirTime, "time of reserves");
        vm.assertEq(ours.price0CumulativeLast(), peer.price0CumulativeLast(), "first price");
        vm.assertEq(ours.price1CumulativeLast(), peer.price1CumulativeLast(), "second price");
        vm.assertEq(ours.totalSupply(), peer.totalSupply(), "shares");
        vm.assertEq(ours.balanceOf(address(0)), peer.balanceOf(address(0)), "shares of nobody");
        vm.assertEq(ours.balanceOf(address(ours)), peer.balanceOf(theirs), "shares of the pool");
        for (uint256 i = 0; i < 3; i++) {
            vm.assertEq(ours.balanceOf(actors[i]), peer.balanceOf(actors[i]), "shares of an actor");
        }
        vm.assertEq(token0.balanceOf(address(ours)), token0.balanceOf(theirs), "first balance");
        vm.assertEq(token1.balanceOf(address(ours)), token1.balanceOf(theirs), "second balance");
    }

    function transferShares(address from, address to, address theirTo, uint256 shares) private {
        vm.prank(from);
        ours.transfer(to, shares);
        vm.prank(from);
        Peer(theirs).transfer(theirTo, shares);
    }

    /// The same to both.
    function give(uint256 amount0, uint256 amount1) private {
        token0.mint(address(ours), amount0);
        token0.mint(theirs, amount0);
        token1.mint(address(ours), amount1);
        token1.mint(theirs, amount1);
    }

    function next() private returns (uint256) {
        random = uint256(keccak256(abi.encode(random)));
        return random >> 8;
    }

    /// An amount of the sequence's size, give or take some bits.
    function sized() private returns (uint256) {
        return next() % 2 ** (bits - next() % 8);
    }
}
