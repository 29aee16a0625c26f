//! Etherscan's API.

use super::{
    Bench, FAILING, FORWARDER, NFT, SENDER_START, TARGET,
    bench::{CHAIN_ID, FACTORY, MULTI, START},
};
use alloy_primitives::{B256, U256};
use axum::{
    body::Body,
    http::{Request, header},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Entries of answers as Etherscan's documentation shows them.
const EXAMPLES: &[(&str, &str)] = &[
    (
        "module=account&action=txlist&address=SENDER",
        r#"{"blockNumber":"14923678","blockHash":"0x7e1638fd2c6bdd05ffd83c1cf06c63e2f67d0f802084bef076d06bdcf86d1bb0","timeStamp":"1654646411","hash":"0xc52783ad354aecc04c670047754f062e3d6d04e8f5b24774472651f9c3882c60","nonce":"1","transactionIndex":"61","from":"0x9aa99c23f67c81701c772b106b4f83f6e858dd2e","to":"","value":"0","gas":"6000000","gasPrice":"83924748773","input":"0x","methodId":"0x61016060","functionName":"","contractAddress":"0xc5102fe9359fd9a28f877a67e36b0f050d81a3cc","cumulativeGasUsed":"10450178","txreceipt_status":"1","gasUsed":"4457269","confirmations":"122485","isError":"0"}"#,
    ),
    (
        "module=account&action=txlistinternal&address=TARGET",
        r#"{"blockNumber":"2535368","timeStamp":"1477837690","hash":"0x8a1a9989bda84f80143181a68bc137ecefa64d0d4ebde45dd94fc0cf49e70cb6","from":"0x20d42f2e99a421147acf198d775395cac2e8b03d","to":"","value":"0","contractAddress":"0x2c1ba59d6f58433fb1eaee7d20b26ed83bda51a3","input":"","type":"create","gas":"254791","gasUsed":"46750","traceId":"0","isError":"0","errCode":""}"#,
    ),
    (
        "module=account&action=tokentx&address=SENDER",
        r#"{"blockNumber":"4730207","timeStamp":"1513240363","hash":"0xe8c208398bd5ae8e4c237658580db56a2a94dfa0ca382c99b776fa6e7d31d5b4","nonce":"406","blockHash":"0x022c5e6a3d2487a8ccf8946a2ffb74938bf8e5c8a3f6d91b41c56378a96b5c37","from":"0x642ae78fafbb8032da552d619ad43f1d81e4dd7c","contractAddress":"0x9f8f72aa9304c8b593d555f12ef6589cc3a579a2","to":"0x4e83362442b8d1bec281594cea3050c8eb01311c","value":"5901522149285533025181","tokenName":"Maker","tokenSymbol":"MKR","tokenDecimal":"18","transactionIndex":"81","gas":"940000","gasPrice":"32010000000","gasUsed":"77759","cumulativeGasUsed":"2523379","input":"deprecated","methodId":"0xa9059cbb","functionName":"","confirmations":"7968350"}"#,
    ),
    (
        "module=account&action=tokennfttx&address=SENDER",
        r#"{"blockNumber":"4708120","timeStamp":"1512907118","hash":"0x031e6968a8de362e4328d60dcc7f72f0d6fc84284c452f63176632177146de66","nonce":"0","blockHash":"0x4be19c278bfaead5cb0bc9476fa632e2447f6e6259e0303af210302d22779a24","from":"0xb1690c08e213a35ed9bab7b318de14420fb57d8c","contractAddress":"0x06012c8cf97bead5deae237070f9587f8e7a266d","to":"0x6975be450864c02b4613023c2152ee0743572325","tokenID":"202106","tokenName":"CryptoKitties","tokenSymbol":"CK","tokenDecimal":"0","transactionIndex":"81","gas":"158820","gasPrice":"40000000000","gasUsed":"60508","cumulativeGasUsed":"4880352","input":"deprecated","confirmations":"7990490"}"#,
    ),
    (
        "module=account&action=token1155tx&address=SENDER",
        r#"{"blockNumber":"13472395","timeStamp":"1634973285","hash":"0x643b15f3ffaad5d38e33e5872b4ebaa7a643eda8b50ffd5331f682934ee65d4d","nonce":"41","blockHash":"0xa5da536dfbe8125eb146114e2ee0d0bdef2b20483aacbf30fed6b60f092059e6","transactionIndex":"100","gas":"140000","gasPrice":"52898577246","gasUsed":"105030","cumulativeGasUsed":"11739203","input":"deprecated","contractAddress":"0x76be3b62873462d2142405439777e971754e8e77","from":"0x1e63326a84d2fa207bdfa856da9278a93deba418","to":"0x83f564d180b58ad9a02a449105568189ee7de8cb","tokenID":"10371","tokenValue":"1","tokenName":"parallel","tokenSymbol":"LL","confirmations":"1447769"}"#,
    ),
    (
        "module=logs&action=getLogs&address=TOKEN",
        r#"{"address":"0xbd3531da5cf5857e7cfaa92426877b022e612cf8","topics":["0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"],"data":"0x","blockNumber":"0xc48174","blockHash":"0x1","timeStamp":"0x60f9ce56","gasPrice":"0x2e90edd000","gasUsed":"0x247205","logIndex":"0x0","transactionHash":"0x4ffd22d986913d33927a392fe4319bcd2b62f3afe1c15a2c59f77fc2cc4c20a9","transactionIndex":"0x1"}"#,
    ),
    (
        "module=contract&action=getcontractcreation&contractaddresses=TOKEN",
        r#"{"contractAddress":"0xb83c27805aaca5c7082eb45c868d955cf04c337f","contractCreator":"0x68b3f12d6e8d85a8d3dbbc15bba9dc5103b888a4","txHash":"0xe45be72f14bfdc9a3dd5c2c8e0ae5dc0a1c5d9b1ebe9dbcbcbbb6fe2c2e9a7c2","blockNumber":"20208580","timestamp":"1719742715","contractFactory":"","creationBytecode":"0x608060405234801561001057600080fd5b50"}"#,
    ),
    (
        "module=account&action=addresstokenbalance&address=SENDER",
        r#"{"TokenAddress":"0xffffffff2ba8f66d4e51811c5190992176930278","TokenName":"Furucombo","TokenSymbol":"COMBO","TokenQuantity":"1861606940000000000","TokenDivisor":"18"}"#,
    ),
    (
        "module=account&action=getminedblocks&address=0xbebebebebebebebebebebebebebebebebebebebe",
        r#"{"blockNumber":"3462296","timeStamp":"1491118514","blockReward":"5194770940000000000"}"#,
    ),
    (
        "module=token&action=tokenholderlist&contractaddress=TOKEN",
        r#"{"TokenHolderAddress":"0x0000000000000000000000000000000000000000","TokenHolderQuantity":"34956"}"#,
    ),
];

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Fields that are numbers at times and text at others.
const TEXTS: [&str; 6] =
    ["to", "contractAddress", "input", "methodId", "functionName", "creationBytecode"];

impl Bench {
    fn query(&self, text: &str) -> String {
        text.replace("SENDER", &self.key.address().to_string())
            .replace("TOKEN", &self.token.to_string())
            .replace("TARGET", &TARGET.to_string())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_have_the_fields_of_etherscans_documentation() {
    let bench = Bench::new().await;
    for (query, example) in EXAMPLES {
        let example: Value = serde_json::from_str(example).unwrap();
        let found = bench.found(&bench.query(query)).await;
        let entries = found.as_array().unwrap();
        assert!(!entries.is_empty(), "{query}");
        for entry in entries {
            assert_eq!(keys(entry), keys(&example), "{query}");
            for (name, value) in example.as_object().unwrap() {
                let same = std::mem::discriminant(value) == std::mem::discriminant(&entry[name]);
                assert!(same, "{query}: {name}");
                let number = |value: &Value| value.as_str().map(|s| s.parse::<U256>().is_ok());
                if !TEXTS.contains(&name.as_str()) && entry[name] != "" {
                    assert_eq!(number(&entry[name]), number(value), "{query}: {name}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_are_those_of_the_chain() {
    let bench = Bench::new().await;
    let sender = bench.key.address();
    let list = bench.found(&format!("module=account&action=txlist&address={sender}")).await;
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 9);
    let mut spent = U256::ZERO;
    for (nonce, entry) in list.iter().enumerate() {
        assert_eq!(entry["nonce"], nonce.to_string());
        let field = |name: &str| entry[name].as_str().unwrap().parse::<U256>().unwrap();
        spent += field("gasUsed") * field("gasPrice") + field("value");
        let hash = entry["hash"].as_str().unwrap();
        let receipt = bench
            .etherscan(&format!("module=proxy&action=eth_getTransactionReceipt&txhash={hash}"))
            .await;
        let status = receipt["result"]["status"].as_str().unwrap();
        assert_eq!(status.trim_start_matches("0x"), entry["txreceipt_status"]);
        let failed = entry["to"] == FAILING.to_string().to_lowercase();
        assert_eq!(entry["isError"], if failed { "1" } else { "0" });
        let query = format!("module=transaction&action=gettxreceiptstatus&txhash={hash}");
        assert_eq!(bench.found(&query).await["status"], entry["txreceipt_status"]);
        let query = format!("module=transaction&action=getstatus&txhash={hash}");
        let status = bench.found(&query).await;
        assert_eq!(status["isError"], entry["isError"]);
        assert_eq!(status["errDescription"] != "", failed);
    }
    assert_eq!(list[0]["contractAddress"], bench.token.to_string().to_lowercase());
    assert_eq!((&list[0]["to"], &list[1]["methodId"]), (&json!(""), &json!("0xa9059cbb")));
    // The contract is not verified: the name is that of the common signature.
    assert_eq!(list[0]["functionName"], "");
    assert_eq!(list[1]["functionName"], "transfer(address to, uint256 amount)");
    let balance = bench.found(&format!("module=account&action=balance&address={sender}")).await;
    let left = U256::from(SENDER_START) - spent;
    assert_eq!(balance, left.to_string());
    let both = format!("module=account&action=balancemulti&address={sender},{TARGET}");
    assert_eq!(bench.found(&both).await[1]["balance"], "5");
    let early = format!("module=account&action=balancehistory&address={TARGET}&blockno=2");
    assert_eq!(bench.found(&early).await, "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn internal_calls_are_those_that_move_create_or_destroy() {
    let bench = Bench::new().await;
    let all = bench.found("module=account&action=txlistinternal&startblock=0&endblock=99").await;
    let kinds: Vec<_> = all.as_array().unwrap().iter().map(|call| &call["type"]).collect();
    assert_eq!(kinds, ["call", "create"]);
    let call = &all[0];
    let lower = |address: alloy_primitives::Address| address.to_string().to_lowercase();
    assert_eq!((&call["from"], &call["to"]), (&json!(lower(FORWARDER)), &json!(lower(TARGET))));
    assert_eq!(call["value"], "5");
    let hash = call["hash"].as_str().unwrap();
    let one = bench.found(&format!("module=account&action=txlistinternal&txhash={hash}")).await;
    let mut expected = call.clone();
    let fields = expected.as_object_mut().unwrap();
    fields.remove("hash");
    fields.remove("traceId");
    assert_eq!(one, json!([expected]));
    let created = all[1]["contractAddress"].as_str().unwrap();
    let query = format!("module=contract&action=getcontractcreation&contractaddresses={created}");
    let creation = bench.found(&query).await;
    assert_eq!(creation[0]["contractFactory"], lower(FACTORY));
    assert_eq!(creation[0]["txHash"], all[1]["hash"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_counted_like_their_transfers() {
    let bench = Bench::new().await;
    let (sender, token) = (bench.key.address(), bench.token);
    let balance = |who: String| {
        format!("module=account&action=tokenbalance&contractaddress={token}&address={who}")
    };
    assert_eq!(bench.found(&balance(sender.to_string())).await, "999994");
    let receiver = alloy_primitives::Address::repeat_byte(3);
    assert_eq!(bench.found(&balance(receiver.to_string())).await, "3");
    let query = format!("module=stats&action=tokensupply&contractaddress={token}");
    assert_eq!(bench.found(&query).await, "1000000");
    let query = format!("module=token&action=tokenholdercount&contractaddress={token}");
    assert_eq!(bench.found(&query).await, "4");
    let query = format!("module=token&action=topholders&contractaddress={token}&offset=2");
    let top = bench.found(&query).await;
    assert_eq!(top[0]["TokenHolderQuantity"], "999994");
    assert_eq!(
        (top.as_array().unwrap().len(), &top[1]["TokenHolderAddressType"]),
        (2, &json!("E"))
    );
    let info = bench.found(&format!("module=token&action=tokeninfo&contractaddress={token}")).await;
    assert_eq!((&info[0]["symbol"], &info[0]["tokenType"]), (&json!("BENCH"), &json!("ERC20")));
    let query = format!("module=account&action=token1155tx&contractaddress={MULTI}");
    let multi = bench.found(&query).await;
    assert_eq!((&multi[0]["tokenID"], &multi[0]["tokenValue"]), (&json!("9"), &json!("4")));
    let query = format!("module=account&action=tokennfttx&address={sender}&contractaddress={NFT}");
    assert_eq!(bench.found(&query).await[0]["tokenID"], "7");
    let query =
        format!("module=account&action=tokennfttx&address={sender}&contractaddress={MULTI}");
    let nothing = bench.etherscan(&query).await;
    let expected = json!({"status": "0", "message": "No transactions found", "result": []});
    assert_eq!(nothing, expected);
    let query = format!(
        "module=account&action=addresstokennftinventory&address={sender}&contractaddress={NFT}"
    );
    assert_eq!(bench.found(&query).await[0]["TokenId"], "7");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_together_are_the_whole_list() {
    let bench = Bench::new().await;
    let sender = bench.key.address();
    for action in ["txlist", "tokentx"] {
        for sort in ["asc", "desc"] {
            let list = format!("module=account&action={action}&address={sender}&sort={sort}");
            let whole = bench.found(&list).await;
            let mut pages = Vec::new();
            for page in 1.. {
                let answer = bench.etherscan(&format!("{list}&page={page}&offset=2")).await;
                let entries = answer["result"].as_array().unwrap().clone();
                if entries.is_empty() {
                    assert_eq!(answer["message"], "No transactions found");
                    break;
                }
                pages.extend(entries);
            }
            assert_eq!(whole, Value::from(pages), "{list}");
        }
    }
    let third = format!("module=account&action=txlist&address={sender}&startblock=3&endblock=3");
    assert_eq!(bench.found(&third).await.as_array().unwrap().len(), 3);
    let large = format!("module=account&action=txlist&address={sender}&page=11&offset=1000");
    let refused = bench.etherscan(&large).await;
    assert_eq!(refused["message"], "NOTOK");
    assert!(refused["result"].as_str().unwrap().starts_with("Result window is too large"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_are_those_that_a_scan_of_all_receipts_finds() {
    let bench = Bench::new().await;
    let reader = bench.chain.reader();
    let mut all = Vec::new();
    for number in 0..=reader.head().number {
        let receipts = reader.receipts(number).unwrap().unwrap();
        let logs = receipts.into_iter().flat_map(|receipt| receipt.logs);
        all.extend(logs.enumerate().map(|(index, log)| (number, index, log)));
    }
    assert_eq!(all.len(), 6);
    let topics: BTreeSet<B256> =
        all.iter().flat_map(|(.., log)| log.topics().iter().copied()).collect();
    let choices: Vec<Option<B256>> =
        std::iter::once(None).chain(topics.iter().copied().map(Some)).collect();
    for address in [None, Some(bench.token), Some(NFT)] {
        for (first, second) in
            choices.iter().flat_map(|first| choices.iter().map(move |second| (*first, *second)))
        {
            for operator in ["and", "or"] {
                if address.is_none() && first.is_none() && second.is_none() {
                    continue;
                }
                let mut query = format!("module=logs&action=getLogs&topic0_2_opr={operator}");
                let mut add = |name: &str, value: Option<String>| {
                    if let Some(value) = value {
                        query.push_str(&format!("&{name}={value}"));
                    }
                };
                add("address", address.map(|address| address.to_string()));
                add("topic0", first.map(|topic| topic.to_string()));
                add("topic2", second.map(|topic| topic.to_string()));
                let fits = |log: &alloy_primitives::Log| {
                    let at = |position: usize, topic: Option<B256>| {
                        topic.map(|topic| log.topics().get(position) == Some(&topic))
                    };
                    let topics = match (at(0, first), at(2, second)) {
                        (Some(first), Some(second)) if operator == "or" => first || second,
                        (first, second) => first.unwrap_or(true) && second.unwrap_or(true),
                    };
                    topics && address.is_none_or(|address| address == log.address)
                };
                let expected: Vec<_> = all
                    .iter()
                    .filter(|(.., log)| fits(log))
                    .map(|(block, index, _)| (format!("{block:#x}"), format!("{index:#x}")))
                    .collect();
                let answer = bench.etherscan(&query).await;
                let found: Vec<_> = answer["result"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|log| {
                        let text = |name: &str| log[name].as_str().unwrap().to_owned();
                        (text("blockNumber"), text("logIndex"))
                    })
                    .collect();
                assert_eq!(found, expected, "{query}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_are_found_by_time() {
    let bench = Bench::new().await;
    let query = |time: u64, closest: &str| {
        format!("module=block&action=getblocknobytime&timestamp={time}&closest={closest}")
    };
    // Blocks come every twelve seconds from the start.
    for (time, before, after) in [
        (START, Some("0"), Some("0")),
        (START + 1, Some("0"), Some("1")),
        (START + 24, Some("2"), Some("2")),
        (START + 999, Some("4"), None),
        (1, None, Some("0")),
    ] {
        for (closest, expected) in [("before", before), ("after", after)] {
            let answer = bench.etherscan(&query(time, closest)).await;
            match expected {
                Some(number) => assert_eq!(answer["result"], number, "{time} {closest}"),
                None => assert_eq!(answer["result"], "Error! No closest block found"),
            }
        }
    }
    let counts = bench.found("module=block&action=getblocktxnscount&blockno=4").await;
    assert_eq!((&counts["txsCount"], &counts["erc721TxsCount"]), (&json!(2), &json!(1)));
    let countdown = bench.found("module=block&action=getblockcountdown&blockno=14").await;
    assert_eq!(countdown["EstimateTimeInSec"], "120.0");
    let reward = bench.found("module=block&action=getblockreward&blockno=2").await;
    assert!(reward["blockReward"].as_str().unwrap().parse::<u64>().unwrap() > 0);
    let days = "module=stats&action=dailytx&startdate=2023-11-14&enddate=2023-11-15";
    let days = bench.found(days).await;
    assert_eq!(
        days,
        json!([{
            "UTCDate": "2023-11-14", "unixTimeStamp": "1699920000", "transactionCount": 9
        }])
    );
    let gas = bench.found("module=gastracker&action=gasoracle").await;
    assert_eq!((&gas["LastBlock"], keys(&gas).len()), (&json!("4"), 6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_refused_in_etherscans_words() {
    let bench = Bench::new().await;
    for (query, words) in [
        ("module=nothing&action=balance", "Error! Missing Or invalid Module name"),
        ("module=account&action=nothing", "Error! Missing Or invalid Action name"),
        ("module=proxy&action=debug_traceCall", "Error! Missing Or invalid Action name"),
        ("module=account&action=balance&address=0x12", "Error! Invalid address format"),
        ("module=contract&action=getabi&address=TOKEN", "Contract source code not verified"),
        ("module=block&action=getblockcountdown&blockno=1", "Error! Block number already pass"),
    ] {
        let answer = bench.etherscan(&bench.query(query)).await;
        let expected = json!({"status": "0", "message": "NOTOK", "result": words});
        assert_eq!(answer, expected, "{query}");
    }
    for query in ["ethsupply", "ethprice", "chainsize"] {
        let answer = bench.etherscan(&format!("module=stats&action={query}")).await;
        assert_eq!((&answer["status"], &answer["message"]), (&json!("0"), &json!("NOTOK")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_version_wants_the_chain_and_forms_are_read() {
    let bench = Bench::new().await;
    let query = "module=block&action=getblockreward&blockno=2";
    let direct = bench.etherscan(query).await;
    let second = bench.get(&format!("/v2/api?chainid={CHAIN_ID}&{query}&apikey=any")).await;
    assert_eq!(second.json(), direct);
    let other = bench.get(&format!("/v2/api?chainid=1&{query}")).await.json();
    assert!(other["result"].as_str().unwrap().contains("chainid"));
    let form = Request::post("/api")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(query))
        .unwrap();
    assert_eq!(bench.send(form).await.json(), direct);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxies_answer_as_json_rpc() {
    let bench = Bench::new().await;
    let number = bench.etherscan("module=proxy&action=eth_blockNumber").await;
    assert_eq!(number, json!({"jsonrpc": "2.0", "id": 1, "result": "0x4"}));
    let data = format!("0x70a08231{:0>64}", hex_of(bench.key.address()));
    let token = bench.token;
    let call = format!("module=proxy&action=eth_call&to={token}&data={data}&tag=latest");
    let answer = bench.etherscan(&call).await;
    let balance: U256 = answer["result"].as_str().unwrap().parse().unwrap();
    assert_eq!(balance, U256::from(999_994));
    let reverted = bench.etherscan(&format!("module=proxy&action=eth_call&to={FAILING}")).await;
    assert_eq!(reverted["error"]["code"], 3);
    let block = "module=proxy&action=eth_getBlockByNumber&tag=0x2&boolean=true";
    let block = bench.etherscan(block).await;
    assert_eq!(block["result"]["transactions"].as_array().unwrap().len(), 3);
    let logs = format!("module=proxy&action=eth_getLogs&fromBlock=0x0&address={NFT}");
    assert_eq!(bench.etherscan(&logs).await["result"].as_array().unwrap().len(), 1);
    let missing = bench.etherscan("module=proxy&action=eth_getCode").await;
    assert_eq!(missing["error"]["code"], -32602);
}

fn hex_of(address: alloy_primitives::Address) -> String {
    alloy_primitives::hex::encode(address)
}
