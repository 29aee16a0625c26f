//! `cargo xtask benchmarks`: measures the way of a transaction through the node, and writes what
//! it came to into `docs/benchmarks.md`.
//!
//! Each figure is printed by a benchmark of the released binary; here they are only put into tables,
//! with the command that gives them, the commit and the machine.

use crate::{Result, root, test::cargo_command};
use serde_json::Value;
use std::{fmt::Write as _, fs, process::Command};

/// Between these lines stands what is written here.
const BEGIN: &str = "<!-- written by `cargo xtask benchmarks` -->\n";
const END: &str = "<!-- end of what is written by `cargo xtask benchmarks` -->\n";

/// A benchmark, and how its lines of JSON are shown.
struct Benchmark {
    title: &'static str,
    arguments: &'static str,
    show: fn(&[Value], &mut String),
}

const BENCHMARKS: [Benchmark; 9] = [
    Benchmark { title: "Senders", arguments: "bench ecrecover --runs 21 --json", show: senders },
    Benchmark {
        title: "Senders",
        arguments: "bench ecrecover --runs 21 --lanes avx2 --json",
        show: senders,
    },
    Benchmark {
        title: "Senders",
        arguments: "bench ecrecover --runs 21 --lanes portable --json",
        show: senders,
    },
    Benchmark { title: "Hashing", arguments: "bench keccak --json", show: fields },
    Benchmark {
        title: "State root",
        arguments: "bench state-root --threads 2 --json",
        show: fields,
    },
    Benchmark {
        title: "State root of ten million accounts",
        arguments: "bench state-root --threads 2 --accounts 10000000 --json",
        show: fields,
    },
    Benchmark {
        title: "From signed bytes to durable blocks",
        arguments: "bench pipeline --json",
        show: stages,
    },
    Benchmark {
        title: "Beside anvil",
        arguments: "bench compare --transactions 40000 --connections 8 --batch 200 \
                    --receipts-time 5 --json",
        show: comparison,
    },
    Benchmark {
        title: "What the explorer costs",
        arguments: "bench explorer --workload mixed --transactions 60000 --json",
        show: fields,
    },
];

/// Runs those whose title has `part` in it (all without one), and writes the section anew. What is
/// not run stays out: figures of one section are of one commit and one machine.
pub(crate) fn run(part: Option<&str>) -> Result<bool> {
    let chosen: Vec<&Benchmark> = BENCHMARKS
        .iter()
        .filter(|it| part.is_none_or(|part| it.title.to_lowercase().contains(part)))
        .collect();
    if chosen.is_empty() {
        return Err(format!("no benchmark's title has `{}` in it", part.unwrap_or("")).into());
    }
    if !cargo_command().args(["build", "--release"]).current_dir(root()).status()?.success() {
        return Ok(false);
    }
    let mut section = format!("{BEGIN}\n{}\n", circumstances()?);
    let mut last = "";
    for Benchmark { title, arguments, show } in chosen {
        eprintln!("heddle {arguments}");
        let output = Command::new(root().join("target/release/heddle"))
            .args(arguments.split_whitespace())
            .current_dir(root())
            .output()?;
        if title != &last {
            write!(section, "### {title}\n\n")?;
            last = title;
        }
        write!(section, "`heddle {arguments}`")?;
        let lines = String::from_utf8_lossy(&output.stdout);
        let lines: Vec<Value> =
            lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        if lines.is_empty() {
            // A machine without such lanes, or without anvil: it says why.
            let why = String::from_utf8_lossy(&output.stderr);
            write!(section, ": not measured: {}\n\n", why.trim())?;
            continue;
        }
        section.push_str("\n\n");
        show(&lines, &mut section);
        section.push('\n');
    }
    section.push_str(END);
    let path = root().join("docs/benchmarks.md");
    fs::write(&path, with_section(&fs::read_to_string(&path)?, &section)?)?;
    Ok(true)
}

/// The text with the section in the place of the one that was there.
fn with_section(text: &str, section: &str) -> Result<String> {
    let found = text.find(BEGIN).zip(text.find(END));
    let (from, to) = found.filter(|(from, to)| from < to).ok_or(
        "docs/benchmarks.md lacks the lines between which the figures stand: \
         take them from the version before",
    )?;
    Ok([&text[..from], section, &text[to + END.len()..]].concat())
}

/// Commit, day and machine.
fn circumstances() -> Result<String> {
    let ask = |program: &str, arguments: &[&str]| -> Result<String> {
        let output = Command::new(program).args(arguments).current_dir(root()).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = ask("git", &["rev-parse", "--short", "HEAD"])?;
    let is_changed = !ask("git", &["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = processor.lines().find(|line| line.starts_with(name));
        line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()))
    };
    let flags = field("flags").unwrap_or_default();
    let lanes = ["avx2", "avx512f", "avx512ifma"];
    let lanes: Vec<&str> =
        lanes.into_iter().filter(|lane| flags.split(' ').any(|flag| flag == *lane)).collect();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(format!(
        "Commit {commit}{}, {}. Machine: {} processors, {} ({}), {}; {}.\n",
        if is_changed { " with changes" } else { "" },
        ask("date", &["-u", "+%Y-%m-%d"])?,
        processors,
        field("model name").unwrap_or_else(|| "unknown".to_owned()),
        lanes.join(", "),
        ask("uname", &["-sr"])?,
        ask("rustc", &["--version"])?,
    ))
}

/// A row for each line, and a column for each of its fields.
fn fields(lines: &[Value], out: &mut String) {
    let Some(first) = lines.first().and_then(Value::as_object) else { return };
    let names: Vec<&String> = first.keys().collect();
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    out.push_str(&row(names.iter().map(|name| name.replace('_', " ")).collect()));
    out.push_str(&row(names.iter().map(|_| "---".to_owned()).collect()));
    for line in lines {
        out.push_str(&row(names.iter().map(|name| cell(&line[name.as_str()])).collect()));
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Number(number) if number.is_f64() => {
            number.as_f64().map_or_else(String::new, |number| format!("{number:.3}"))
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn number(line: &Value, name: &str) -> f64 {
    line[name].as_f64().unwrap_or(f64::NAN)
}

fn senders(lines: &[Value], out: &mut String) {
    for line in lines {
        let (ours, theirs) = (number(line, "ours_per_s"), number(line, "libsecp256k1_per_s"));
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{}: {ours:.0} a second, libsecp256k1 {theirs:.0}: **{:.2} times**.",
            cell(&line["lanes"]),
            ours / theirs
        );
    }
}

/// What each workload came to, then each stage with its share.
fn stages(lines: &[Value], out: &mut String) {
    out.push_str(
        "| workload | accounts | transactions | tps | until settled | bytes each | lost |\n",
    );
    out.push_str("|---|---|---|---|---|---|---|\n");
    for line in lines {
        let names = ["workload", "accounts", "transactions"];
        let [workload, accounts, transactions] = names.map(|name| cell(&line[name]));
        let _ = writeln!(
            out,
            "| {workload} | {accounts} | {transactions} | **{:.0}** | {:.0} | {:.0} | {} |",
            number(line, "tps"),
            number(line, "settled_tps"),
            number(line, "bytes"),
            cell(&line["lost"])
        );
    }
    out.push_str("\nMicroseconds of processor time for each transaction, and shares:\n\n| stage |");
    for line in lines {
        let _ = write!(out, " {} | |", cell(&line["workload"]));
    }
    let _ = writeln!(out, "\n|---|{}", "---|---|".repeat(lines.len()));
    let names = lines.first().and_then(|line| line["stages"].as_object());
    for name in names.into_iter().flat_map(|stages| stages.keys()) {
        let _ = write!(out, "| {} |", name.replace('_', " "));
        for line in lines {
            let stages = &line["stages"];
            let share = 100.0 * number(stages, name) / number(stages, "total");
            let _ = write!(out, " {:.2} | {share:.0} % |", number(stages, name));
        }
        out.push('\n');
    }
}

fn comparison(lines: &[Value], out: &mut String) {
    for line in lines {
        let _ = writeln!(
            out,
            "**{:.1} times** (median of {} rounds): {:.0} mined a second, anvil {:.0}; {} stranded.\n\n\
             heddle: `{}`, {}; anvil: `{}`, {}.",
            number(line, "ratio"),
            cell(&line["rounds"]),
            number(line, "ours_tps"),
            number(line, "anvil_tps"),
            cell(&line["stranded"]),
            cell(&line["ours_flags"]),
            cell(&line["ours_version"]),
            cell(&line["anvil_flags"]),
            cell(&line["anvil_version"]),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_section_takes_the_place_of_the_one_before() {
        let text = format!("before\n{BEGIN}old\n{END}after\n");
        let section = format!("{BEGIN}new\n{END}");
        let new = with_section(&text, &section).unwrap();
        assert_eq!(new, format!("before\n{BEGIN}new\n{END}after\n"));
        assert_eq!(with_section(&new, &section).unwrap(), new);
        assert!(with_section("no lines", &section).is_err());
        assert!(with_section(&format!("{END}{BEGIN}"), &section).is_err());
    }

    #[test]
    fn the_document_has_a_place_for_it() {
        let text = fs::read_to_string(root().join("docs/benchmarks.md")).unwrap();
        assert!(with_section(&text, "").is_ok());
    }

    #[test]
    fn stages_are_shown_with_their_shares() {
        let line = json!({
            "workload": "transfers", "accounts": 10, "transactions": 20, "tps": 30.4,
            "settled_tps": 20.0, "bytes": 7.0, "lost": 0, "stages": { "execute": 1.0, "log": 3.0, "total": 4.0 }
        });
        let mut text = String::new();
        stages(&[line], &mut text);
        assert!(text.contains("| transfers | 10 | 20 | **30** | 20 | 7 | 0 |"), "{text}");
        assert!(text.contains("| log | 3.00 | 75 % |"), "{text}");
    }
}
