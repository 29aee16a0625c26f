//! Pages of blocks that were made to wait, and of others.

use crate::web::bench::{Bench, COUNTER, SENDERS};
use axum::http::StatusCode;

#[tokio::test]
async fn a_contended_block_shows_who_waited_for_what() {
    let bench = Bench::new().await;
    let page = bench.page("/block/2/parallel").await;
    // It was made before anybody followed.
    for expected in
        ["Executed again just now", "Speed-up found", "Timeline", "Critical path", "Hot slots"]
    {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    // All wait for the total, so all are on the path.
    assert_eq!(page.matches("<li><span class=\"quiet\">no. ").count(), 2 * SENDERS, "{page}");
    assert!(page.contains("slot 0"), "{page}");
    // Keys of mappings are told by what was hashed.
    let sender = bench.sender(0);
    let page = bench.page(&format!("/address/{COUNTER}/slots")).await;
    assert!(page.contains(&format!("mapping at slot 1, key {sender}")), "{page}");
    bench.verify();
    let page = bench.page("/block/2/parallel").await;
    assert!(page.contains("<bdi>total</bdi>"), "{page}");
    let page = bench.page(&format!("/address/{COUNTER}/slots")).await;
    assert!(page.contains(&format!("<bdi>counts[{sender}]</bdi>")), "{page}");
}

#[tokio::test]
async fn how_a_block_was_executed_is_shown_as_it_was_recorded() {
    let bench = Bench::new().await;
    bench.count().await;
    let page = bench.page("/block/4/parallel").await;
    assert!(!page.contains("Executed again just now"), "{page}");
    assert!(page.contains("Timeline"), "{page}");
}

#[tokio::test]
async fn plain_transfers_claim_no_speed_up() {
    let bench = Bench::new().await;
    let page = bench.page("/block/3/parallel").await;
    let says = ["nothing but plain transfers", "no speed-up to measure", "one after the other"];
    assert!(says.iter().any(|words| page.contains(words)), "{page}");
    if page.contains("plain transfers that were foreseen") {
        assert!(page.contains("nothing but plain transfers"), "{page}");
    }
}

#[tokio::test]
async fn what_cannot_be_known_is_said() {
    let bench = Bench::new().await;
    let page = bench.page("/block/0/parallel").await;
    assert!(page.contains("never executed"), "{page}");
    for path in ["/block/99/parallel", "/block/none/parallel"] {
        let (status, _) = bench.get(path).await;
        assert!(status == StatusCode::NOT_FOUND || status == StatusCode::BAD_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn the_hottest_slots_are_those_of_the_blocks_that_are_asked_for() {
    let bench = Bench::new().await;
    let page = bench.page("/slots").await;
    let row = format!("href=\"/address/{COUNTER}\"");
    assert!(page.contains(&row), "{page}");
    // The last block has plain transfers alone.
    let page = bench.page("/slots?blocks=1").await;
    assert!(!page.contains(&row), "{page}");
    for blocks in ["0", "1000", "18446744073709551615"] {
        bench.page(&format!("/slots?blocks={blocks}")).await;
    }
    let (status, _) = bench.get("/slots?blocks=-1").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    bench.page("/address/0x00000000000000000000000000000000000000aa/slots").await;
}
