//! Shamir backup: a mnemonic's entropy as shares, and back.

use super::{Context, WalletError, output::join};
use crate::{
    files::{make_private_folder, write_private},
    mnemonic::Mnemonic,
    secret::{SecretBytes, SecretText, read_file, read_standard},
    slip39::{self, Group, Options, SHARES_MAX, Share},
};
use bip39::Language;
use clap::{Args, Subcommand};
use serde_json::json;
use std::{path::PathBuf, str::FromStr};

/// Most shares that are read: all that there can be.
const SHARES_READ_MAX: usize = SHARES_MAX as usize * SHARES_MAX as usize;

#[derive(Debug, Subcommand)]
pub(super) enum Shamir {
    Split(Split),
    Combine(Combine),
}

impl Shamir {
    pub(super) fn run(self, context: &Context) -> Result<bool, WalletError> {
        match self {
            Self::Split(split) => split.run(context),
            Self::Combine(combine) => combine.run(context),
        }
    }
}

/// The passphrase of shares.
#[derive(Debug, Args)]
struct SharePassphraseArgs {
    /// A file with a passphrase for the shares, other than that of the mnemonic; a wrong one is not
    /// noticed, but gives another secret
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl SharePassphraseArgs {
    fn read(&self) -> Result<SecretText, WalletError> {
        Ok(self.passphrase_file.as_deref().map(read_file).transpose()?.unwrap_or_default())
    }
}

/// Members of a group as people write them: `2of3`.
#[derive(Clone, Copy, Debug)]
struct GroupArg(Group);

impl FromStr for GroupArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "write a group as 2of3: two of three members are needed";
        let (threshold, count) = text.split_once("of").ok_or(wrong)?;
        let number = |text: &str| text.parse().map_err(|_| wrong);
        Ok(Self(Group { threshold: number(threshold)?, count: number(count)? }))
    }
}

/// Splits the mnemonic on standard input into shares.
#[derive(Debug, Args)]
pub(super) struct Split {
    /// Members needed and members of each group, as 2of3,3of5
    #[arg(long, value_delimiter = ',', required = true, value_name = "GROUPS")]
    groups: Vec<GroupArg>,
    /// How many groups are needed
    #[arg(long, default_value_t = 1)]
    group_threshold: u8,
    /// Doubles the work of each guess at the passphrase, so many times
    #[arg(long, default_value_t = 1)]
    iteration_exponent: u8,
    /// The secret on standard input is 16 to 64 bytes in hexadecimal digits
    #[arg(long)]
    hex: bool,
    /// Write each share to a file of its own in this folder, and print none
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    passphrase: SharePassphraseArgs,
}

impl Split {
    fn run(self, context: &Context) -> Result<bool, WalletError> {
        let text = read_standard(if self.hex { "Secret" } else { "Mnemonic" })?;
        let secret = if self.hex {
            SecretBytes::from_hex(text.expose().trim())
                .ok_or(WalletError::Arguments("the secret is not in hexadecimal digits"))?
        } else {
            Mnemonic::parse(&text)?.entropy()
        };
        let groups: Vec<Group> = self.groups.iter().map(|GroupArg(group)| *group).collect();
        let options = Options { iteration_exponent: self.iteration_exponent, ..Options::default() };
        let passphrase = self.passphrase.read()?;
        let shares =
            slip39::split(secret.expose(), &passphrase, self.group_threshold, &groups, options)?;
        if let Some(folder) = &self.folder {
            make_private_folder(folder)?;
            let is_empty = std::fs::read_dir(folder).is_ok_and(|mut files| files.next().is_none());
            if !is_empty {
                // Shares of two splits must not lie side by side.
                return Err(WalletError::Arguments("the folder for shares has to be empty"));
            }
        }
        for (group, shares) in shares.iter().enumerate() {
            for (member, share) in shares.iter().enumerate() {
                self.give(context, group + 1, member + 1, &share.phrase())?;
            }
        }
        Ok(true)
    }

    fn give(
        &self,
        context: &Context,
        group: usize,
        member: usize,
        phrase: &SecretText,
    ) -> Result<(), WalletError> {
        let Some(folder) = &self.folder else {
            let text = if context.output.json {
                let head = format!("{{\"group\":{group},\"member\":{member},\"share\":\"");
                join(&[&head, phrase.expose(), "\"}"])
            } else {
                phrase.clone()
            };
            return context.output.print_secret(&text);
        };
        let path = folder.join(format!("share-{group}-{member}.txt"));
        write_private(&path, join(&[phrase.expose(), "\n"]).expose().as_bytes(), false)?;
        let value = json!({"group": group, "member": member, "file": path});
        let line = format!("group {group}, member {member}: {}", path.display());
        context.output.print(&line, &value)
    }
}

/// Combines shares, one on each line of standard input, and prints the mnemonic.
#[derive(Debug, Args)]
pub(super) struct Combine {
    /// Print the secret in hexadecimal digits
    #[arg(long)]
    hex: bool,
    #[command(flatten)]
    passphrase: SharePassphraseArgs,
}

impl Combine {
    fn run(self, context: &Context) -> Result<bool, WalletError> {
        let text = read_standard("Shares")?;
        let lines = text.expose().lines().filter(|line| !line.trim().is_empty());
        let shares: Vec<Share> = lines
            .take(SHARES_READ_MAX)
            .enumerate()
            .map(|(at, line)| Share::parse(line, at + 1))
            .collect::<Result<_, _>>()?;
        let secret = slip39::combine(&shares, &self.passphrase.read()?)?;
        let (name, text) = if self.hex {
            ("secret", secret.to_hex())
        } else {
            ("mnemonic", Mnemonic::from_entropy(secret.expose(), Language::English)?.phrase())
        };
        let text = if context.output.json {
            join(&["{\"", name, "\":\"", text.expose(), "\"}"])
        } else {
            text
        };
        context.output.print_secret(&text)?;
        Ok(true)
    }
}
