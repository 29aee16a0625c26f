//! Borrowing dollars against ether, and paying them back.

use crate::{Outcome, approve, ask, send, units, user};
use alloy_primitives::U256;
use heddle_client::Node;
use heddle_venue::{
    addresses::{LENDING_POOL, USD, WETH},
    contracts::lending_pool::LendingPool,
};

pub(crate) fn run(node: &Node) -> Outcome {
    let borrower = user(node, 2)?;
    let account = borrower.address();
    approve(&borrower, WETH, LENDING_POOL)?;
    approve(&borrower, USD, LENDING_POOL)?;
    let supply = LendingPool::supplyCall { asset: WETH, amount: units(10, 18), account };
    send(&borrower, LENDING_POOL, &supply)?;
    let pledge = LendingPool::setCollateralCall { asset: WETH, isCollateral: true };
    send(&borrower, LENDING_POOL, &pledge)?;
    // Ten ether at 2,000, and a loan-to-value of 80 %.
    let most = ask(node, LENDING_POOL, &LendingPool::maxBorrowCall { account, asset: USD })?;
    assert!(most > units(15_999, 6) && most <= units(16_000, 6));

    let amount = units(8_000, 6);
    let borrow = LendingPool::borrowCall { asset: USD, amount, account, to: account };
    send(&borrower, LENDING_POOL, &borrow)?;
    let health = ask(node, LENDING_POOL, &LendingPool::healthFactorCall { account })?;
    assert!(health > units(2, 18) && health < units(3, 18));
    let repay = LendingPool::repayCall { asset: USD, amount: U256::MAX, account };
    send(&borrower, LENDING_POOL, &repay)?;
    let owed = ask(node, LENDING_POOL, &LendingPool::debtOfCall { account, asset: USD })?;
    assert_eq!(owed, U256::ZERO);
    let withdraw = LendingPool::withdrawCall { asset: WETH, amount: U256::MAX, to: account };
    send(&borrower, LENDING_POOL, &withdraw)?;
    Ok(())
}
