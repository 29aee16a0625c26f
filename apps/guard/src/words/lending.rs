//! What a lending pool says.

use super::{Critical, Info, Warning, Words, named, price};
use heddle_venue::contracts::lending_pool::LendingPool::LendingPoolEvents;

/// Prices and what is collateral first, then what is lost or stopped, then settings.
pub(super) fn lending(event: LendingPoolEvents) -> Option<Words> {
    use LendingPoolEvents as Event;
    Some(match event {
        Event::FeedScheduled(e) => {
            let text = format!(
                "the price of {} is to come from {}, at most {} s old, from {} on",
                named(e.asset),
                named(e.feed),
                e.heartbeat,
                e.from
            );
            (Critical, "FeedScheduled", text)
        }
        Event::FeedSet(e) => {
            let text = format!("the price of {} comes from {} now", named(e.asset), named(e.feed));
            (Critical, "FeedSet", text)
        }
        Event::CollateralTermsScheduled(e) => {
            let text = format!(
                "{} is to be collateral at {} and liquidated at {} basis points from {} on",
                named(e.asset),
                e.ltv,
                e.liquidationThreshold,
                e.from
            );
            (Critical, "CollateralTermsScheduled", text)
        }
        Event::CollateralTermsSet(e) => {
            let text = format!(
                "{} is collateral at {} and liquidated at {} basis points now",
                named(e.asset),
                e.ltv,
                e.liquidationThreshold
            );
            (Critical, "CollateralTermsSet", text)
        }
        Event::PriceRefused(e) => {
            const WHY: [&str; 6] =
                ["usable", "without answer", "incomplete", "out of range", "stale", "jumped"];
            let why = WHY.get(usize::from(e.status)).unwrap_or(&"unusable");
            let text = format!(
                "the price of {} is {why}: it is no collateral for new loans, and nobody is liquidated",
                named(e.asset)
            );
            (Critical, "PriceRefused", text)
        }
        Event::PriceResumed(e) => {
            let text = format!(
                "the price of {} is back at {}; liquidations from {} on",
                named(e.asset),
                price(e.price),
                e.liquidationsFrom
            );
            (Warning, "PriceResumed", text)
        }
        Event::BreakerLifted(e) => {
            let text =
                format!("the jump of {} to {} is accepted by hand", named(e.asset), price(e.price));
            (Critical, "BreakerLifted", text)
        }
        other => return losses(other),
    })
}

/// What is lost, who pays for it, and what is stopped.
fn losses(event: LendingPoolEvents) -> Option<Words> {
    use LendingPoolEvents as Event;
    Some(match event {
        Event::DeficitRecorded(e) => {
            let text = format!(
                "{} units of {} that {} owed are lost; the deficit is {}",
                e.added,
                named(e.asset),
                e.account,
                e.deficit
            );
            (Critical, "DeficitRecorded", text)
        }
        Event::InsuranceFundPaid(e) => {
            let text = format!(
                "the insurance fund pays {} units of {} for {}; {} are left",
                e.paid,
                named(e.asset),
                e.account,
                e.left
            );
            (Warning, "InsuranceFundPaid", text)
        }
        Event::BackstopPaid(e) => {
            let text = format!(
                "the backstop pays {} units of {} for {}; {} are left",
                e.paid,
                named(e.asset),
                e.account,
                e.left
            );
            (Critical, "BackstopPaid", text)
        }
        Event::DeficitCovered(e) => {
            let text = format!(
                "{} units of the deficit of {} are covered; {} are left",
                e.paid,
                named(e.asset),
                e.deficit
            );
            (Info, "DeficitCovered", text)
        }
        Event::PausedSet(e) => {
            let text = if e.paused { "lending is paused" } else { "lending goes on" };
            (Critical, "PausedSet", text.to_owned())
        }
        Event::FrozenSet(e) => {
            let text = if e.frozen { "is frozen" } else { "is not frozen any more" };
            (Critical, "FrozenSet", format!("{} {text}", named(e.asset)))
        }
        other => return settings(other),
    })
}

/// What roles may set at once, within bounds.
fn settings(event: LendingPoolEvents) -> Option<Words> {
    use LendingPoolEvents as Event;
    Some(match event {
        Event::Launched(_) => (Warning, "Launched", "the pool is open to suppliers".to_owned()),
        Event::ReserveAdded(e) => {
            let text = format!("{} is listed, with prices of {}", named(e.asset), named(e.feed));
            (Critical, "ReserveAdded", text)
        }
        Event::BreakerSet(e) => {
            let text = format!(
                "a price of {} may jump {} basis points within {} s",
                named(e.asset),
                e.jumpMax,
                e.jumpWindow
            );
            (Critical, "BreakerSet", text)
        }
        Event::TermsSet(_) => {
            (Critical, "TermsSet", "the terms of liquidations are others".to_owned())
        }
        Event::InsuranceFundSet(e) => {
            (Critical, "InsuranceFundSet", format!("the insurance fund is {} now", named(e.fund)))
        }
        Event::BackstopSet(e) => {
            let text = format!("behind {} stands {} now", named(e.asset), named(e.backstop));
            (Critical, "BackstopSet", text)
        }
        Event::CapsSet(e) => {
            let text = format!(
                "at most {} units of {} are supplied, and {} lent",
                e.supplyCap,
                named(e.asset),
                e.borrowCap
            );
            (Warning, "CapsSet", text)
        }
        Event::DebtCeilingSet(e) => {
            let text = format!(
                "against {} at most {} units of {} are lent",
                named(e.collateralAsset),
                e.ceiling,
                named(e.debtAsset)
            );
            (Warning, "DebtCeilingSet", text)
        }
        Event::RateModelSet(e) => {
            (Warning, "RateModelSet", format!("the interest of {} is another", named(e.asset)))
        }
        Event::ReserveFactorSet(e) => {
            let text = format!(
                "{} basis points of the interest of {} go to the pool",
                e.reserveFactor,
                named(e.asset)
            );
            (Warning, "ReserveFactorSet", text)
        }
        Event::BorrowableSet(e) => {
            let text = if e.borrowable { "is lent" } else { "is not lent any more" };
            (Warning, "BorrowableSet", format!("{} {text}", named(e.asset)))
        }
        _ => return None,
    })
}
