// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {PairPool} from "./PairPool.sol";
import {PoolShard} from "./PoolShard.sol";

/// @title A pool of two tokens in shards that trade at the same time
/// @notice The design of SAMM (arXiv 2406.05568): several pools of the same two tokens, whose fee makes it
/// best to take a swap from one of them, the smallest, and to provide to the smallest (see `SammMath`).
/// This contract only knows its shards; it holds no tokens and no power. Anybody may swap in any shard,
/// so that anybody may level prices between shards: buy in one and sell in the other, in one transaction.
///
/// How to choose a shard:
/// - Off the chain, ask `bestExactIn` or `bestExactOut`, and name that shard.
/// - On the chain, take `shardFor` the sender: a hash spreads senders over shards.
/// - To provide liquidity, take `smallest`.
/// @dev A shard has its own address, so its reserves, its prices, its shares and its balances in both tokens
/// are slots of its own: swaps in two shards write no slot in common, nor does one read what the other
/// writes (the senders' own balances aside). Thus a pool of N shards executes N swaps at once.
///
/// Choosing by size or price reads the reserves of all shards, hence what every swap writes. A transaction
/// that does so waits for all of them: do it off the chain, or for the rare deposit. `shardFor` reads
/// the chosen shard alone (and empty shards, which no swap writes). No slot of this contract is written
/// once all shards exist, and shards' addresses are computed, not read.
///
/// Shards are created by `createShards`, some at a time, since all of them at once may be more than a
/// transaction can pay for.
contract ShardedPool {
    uint256 public constant SHARDS_MAX = 64;

    /// @notice The token with the lower address.
    address public immutable token0;
    /// @notice The token with the higher address.
    address public immutable token1;
    /// @notice How many shards there are once all are created.
    uint256 public immutable shardCount;

    /// Hash of the code that creates a shard. It is the same for all, the salt is the index.
    bytes32 private immutable shardHash;

    /// @notice How many shards have been created. They are created in order.
    uint256 public createdCount;

    event ShardCreated(uint256 indexed index, address shard);

    error UnsortedTokens(address token0, address token1);
    error InvalidShardCount(uint256 shardCount);
    error NoSuchShard(uint256 index);
    error NoLiquidity();

    /// @dev Reverts with `UnsortedTokens` unless 0 < token0 < token1, and with `InvalidShardCount` unless
    /// there are 2 to 64.
    constructor(address token0_, address token1_, uint256 shardCount_) {
        require(token0_ != address(0) && token0_ < token1_, UnsortedTokens(token0_, token1_));
        require(shardCount_ >= 2 && shardCount_ <= SHARDS_MAX, InvalidShardCount(shardCount_));
        (token0, token1, shardCount) = (token0_, token1_, shardCount_);
        shardHash = keccak256(abi.encodePacked(type(PoolShard).creationCode, abi.encode(token0_, token1_)));
    }

    /// @notice Creates the next shards, up to `most`, until there are all. Anybody may.
    /// @return created How many it has created.
    function createShards(uint256 most) external returns (uint256 created) {
        uint256 index = createdCount;
        while (created < most && index < shardCount) {
            emit ShardCreated(index, address(new PoolShard{salt: bytes32(index)}(token0, token1)));
            index++;
            created++;
        }
        createdCount = index;
    }

    /// @notice Where a shard is, or will be.
    /// @dev Reverts with `NoSuchShard`.
    function shardAt(uint256 index) public view returns (address) {
        require(index < shardCount, NoSuchShard(index));
        return Create2.computeAddress(bytes32(index), shardHash);
    }

    /// @notice The shard that the hash of an account chooses, or the next one that has liquidity.
    /// @dev Reverts with `NoLiquidity` if none has any.
    function shardFor(address account) external view returns (address) {
        uint256 first = uint256(keccak256(abi.encode(account))) % shardCount;
        for (uint256 i = 0; i < shardCount; i++) {
            address shard = shardAt((first + i) % shardCount);
            if (_size(shard) != 0) return shard;
        }
        revert NoLiquidity();
    }

    /// @notice The shard with the least liquidity, by the product of its reserves: the first of them if
    /// several are as small. Shards that are not created yet do not count.
    /// @dev Reverts with `NoSuchShard` if none is created.
    function smallest() external view returns (address shard) {
        uint256 count = createdCount;
        require(count != 0, NoSuchShard(0));
        uint256 least = type(uint256).max;
        for (uint256 i = 0; i < count && least != 0; i++) {
            address candidate = shardAt(i);
            uint256 size = _size(candidate);
            if (size < least) (shard, least) = (candidate, size);
        }
    }

    /// @notice The shard that gives most for `amountIn` of `tokenIn`, and how much. For use off the chain.
    /// @dev Reverts with `NoLiquidity` if no shard has any.
    function bestExactIn(address tokenIn, uint256 amountIn) external view returns (address shard, uint256 amountOut) {
        for (uint256 i = 0; i < createdCount; i++) {
            PairPool candidate = PairPool(shardAt(i));
            if (_size(address(candidate)) == 0) continue;
            uint256 quote = candidate.quoteExactIn(tokenIn, amountIn);
            if (shard == address(0) || quote > amountOut) (shard, amountOut) = (address(candidate), quote);
        }
        require(shard != address(0), NoLiquidity());
    }

    /// @notice The shard that takes least of `tokenIn` for `amountOut`, and how much. For use off the chain.
    /// @dev Reverts with `NoLiquidity` if no shard has as much.
    function bestExactOut(address tokenIn, uint256 amountOut) external view returns (address shard, uint256 amountIn) {
        for (uint256 i = 0; i < createdCount; i++) {
            PairPool candidate = PairPool(shardAt(i));
            (uint256 reserve0, uint256 reserve1,) = candidate.getReserves();
            if ((tokenIn == token0 ? reserve1 : reserve0) <= amountOut) continue;
            uint256 quote = candidate.quoteExactOut(tokenIn, amountOut);
            if (shard == address(0) || quote < amountIn) (shard, amountIn) = (address(candidate), quote);
        }
        require(shard != address(0), NoLiquidity());
    }

    /// @dev Zero if there is no such shard, or nothing in it.
    function _size(address shard) private view returns (uint256) {
        if (shard.code.length == 0) return 0;
        (uint256 reserve0, uint256 reserve1,) = PairPool(shard).getReserves();
        return reserve0 * reserve1;
    }
}
