use super::*;
use crate::{
    Overlay,
    call::{Interrupt, call_inspected, tests as support},
};
use alloy_primitives::{Bytes, U256, hex, keccak256};
use heddle_types::Fork;

enum Argument<'a> {
    Text(&'a str),
    Word(U256),
}
use Argument::{Text, Word};

fn encode(signature: &str, arguments: &[Argument<'_>]) -> Vec<u8> {
    let mut head = Vec::new();
    let mut tail: Vec<u8> = Vec::new();
    for argument in arguments {
        let word = match argument {
            Word(word) => *word,
            Text(text) => {
                let offset = U256::from(arguments.len() * 32 + tail.len());
                tail.extend(U256::from(text.len()).to_be_bytes::<32>());
                tail.extend(text.as_bytes());
                tail.resize(tail.len().next_multiple_of(32), 0);
                offset
            }
        };
        head.extend(word.to_be_bytes::<32>());
    }
    [&keccak256(signature)[..4], &head, &tail].concat()
}

fn number(value: u64) -> Argument<'static> {
    Word(U256::from(value))
}

#[test]
fn selectors_are_those_of_the_libraries() {
    // From Hardhat's console.sol.
    assert_eq!(keccak256("log(string)")[..4], hex!("41304fac"));
    assert_eq!(signatures::kinds(hex!("41304fac")), Some(&[signatures::Kind::Text][..]));
    assert_eq!(signatures::kinds(hex!("f82c50f1")), Some(&[signatures::Kind::Unsigned][..]));
    assert_eq!(signatures::kinds(hex!("f5b1bba9")), Some(&[signatures::Kind::Unsigned][..]));
    assert_eq!(signatures::kinds(hex!("2d5b6cb9")), Some(&[signatures::Kind::Signed][..]));
    assert_eq!(signatures::kinds(hex!("51973ec9")), Some(&[][..]));
    assert_eq!(signatures::kinds(hex!("00000000")), None);
}

#[test]
fn formats_lines_as_hardhat_does() {
    let cases = [
        (encode("log()", &[]), ""),
        (encode("log(string)", &[Text("hello %s 100%")]), "hello %s 100%"),
        (encode("log(uint256,bool)", &[number(7), number(1)]), "7 true"),
        (encode("log(string,uint256)", &[Text("n: %s!"), number(5)]), "n: 5!"),
        (encode("log(string,uint256)", &[Text("n:"), number(5)]), "n: 5"),
        (encode("log(string,uint256)", &[Text("%d%% %i"), number(5)]), "5% %i"),
        (
            encode("log(string,string,uint256)", &[Text("%s is %x"), Text("it"), number(255)]),
            "it is 0xff",
        ),
        (encode("log(string,string)", &[Text("%d %"), Text("abc")]), "NaN %"),
        (encode("log(int256)", &[Word(U256::MAX)]), "-1"),
        (encode("logBytes4(bytes4)", &[Word(U256::from(0xdeadbeef_u64) << 224)]), "0xdeadbeef"),
        (encode("log(bytes)", &[Text("\u{1}\u{2}")]), "0x0102"),
        (
            encode("log(address)", &[Word(U256::from(0x52908400098527886E0F7030069857D2_u128))]),
            "0x0000000052908400098527886E0F7030069857d2",
        ),
    ];
    for (input, line) in cases {
        let ours = decode(&input).unwrap();
        assert_eq!(ours.to_lowercase(), line.to_lowercase());
    }
}

#[test]
fn ignores_what_it_does_not_know() {
    assert_eq!(decode(&[]), None);
    assert_eq!(decode(&hex!("41304fac")), None);
    let mut far = encode("log(string)", &[Text("x")]);
    far[4..36].fill(0xff);
    assert_eq!(decode(&far), None);
}

#[test]
fn gathers_what_a_contract_prints_even_if_it_reverts() {
    // Calls the console with its input, then reverts.
    let code =
        hex!("3660006000376000600036600073000000000000000000636F6e736F6c652e6c6f675afa60006000fd");
    let state = support::state_with(&code);
    let transaction = support::transaction(&encode("log(string)", &[Text("here")]));
    let mut inspector = ConsoleInspector::default();
    let outcome = call_inspected(
        &mut Overlay::new(&state),
        &support::environment(Fork::Prague),
        &transaction,
        &Interrupt::never(),
        &mut inspector,
    )
    .unwrap();
    assert!(!outcome.result.is_success());
    assert_eq!(inspector.lines(), ["here"]);
    assert_eq!(outcome.result.output(), Some(&Bytes::new()));
}
