use super::*;
use crate::book::{Counts, Engine};
use alloy_primitives::{Address, B256};

fn outcome(engine: Engine, is_bad: bool) -> Outcome {
    let record = |block: usize| Record {
        minute: block as f64 / 4.0,
        outside: 2_000.0 - block as f64,
        oracle: 2_001.0 - block as f64,
        pool: 1_990.0 - block as f64,
        liquidations: block % 7,
        discount: 3.0,
        deficit: if is_bad { block as f64 * 1e5 } else { 0.0 },
        utilisation: 0.8,
        gas: 30_000_000,
        is_solvent: true,
        ..Record::default()
    };
    Outcome {
        engine,
        records: (1..=2_000).map(record).collect(),
        totals: Counts::default(),
        flat_accounts_touched: 0,
        flat_accounts: 0,
        missed: 0,
        mispredicted: 0,
        state_root: B256::ZERO,
        hot: vec![(Address::ZERO, B256::ZERO, 3)],
        leaving: (0, 0),
    }
}

fn made() -> String {
    let mut scenario = Scenario::find("cascade".as_ref()).unwrap();
    scenario.about = "<script>alert(\"x\")</script> & more".to_owned();
    let outcomes = [outcome(Engine::Waterfall, false), outcome(Engine::Naive, true)];
    let figures = outcomes
        .iter()
        .map(|outcome| crate::figures::Figures::of(&scenario, alloy_primitives::U256::ONE, outcome))
        .collect();
    let summary = Summary {
        scenario: scenario.name.clone(),
        seed: 1,
        engines: figures,
        bad_debt_ratio: Some(0.0),
        takeover: None,
        is_well: true,
    };
    page(&scenario, &summary, &outcomes)
}

/// Elements in their order, without text and numbers.
fn elements(page: &str) -> Vec<&str> {
    let tags = page.split('<').skip(1).filter_map(|tag| tag.split([' ', '>', '/']).next());
    tags.filter(|tag| !tag.is_empty()).collect()
}

#[test]
fn the_page_has_its_parts_and_all_that_is_opened_is_closed() {
    let page = made();
    let opened = elements(&page);
    for name in [
        "html",
        "head",
        "style",
        "body",
        "main",
        "table",
        "figure",
        "figcaption",
        "svg",
        "h2",
        "tr",
        "td",
        "code",
    ] {
        let open = opened.iter().filter(|tag| **tag == name).count();
        assert_eq!(open, page.matches(&format!("</{name}>")).count(), "{name}");
        assert!(open > 0, "{name}");
    }
    // Price, liquidations, discount, deficit, utilisation, gas: what is 0 throughout is left out.
    assert_eq!(page.matches("<svg").count(), 6);
    assert_eq!(page.matches("role=\"img\"").count(), 6);
    assert_eq!(page.matches("<polyline").count(), 3 + 5 * 2);
    assert_eq!(page.matches("scope=\"row\"").count(), rows().len() + 1);
}

#[test]
fn the_page_asks_nothing_of_a_network_and_runs_nothing() {
    let page = made();
    for wrong in ["http:", "https:", "<script", "url(", "@import", "src=", "href="] {
        assert!(!page.contains(wrong), "{wrong}");
    }
    assert!(page.contains("&lt;script&gt;"));
    assert!(page.contains("prefers-color-scheme: dark"));
    assert!(page.len() < 1 << 20);
}
