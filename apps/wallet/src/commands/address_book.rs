//! The address book's commands.

use super::{Context, WalletError};
use crate::contacts::Contacts;
use clap::{Args, Subcommand};
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum ContactsCommand {
    Add(Add),
    /// Lists names and addresses
    List,
    Remove(Remove),
}

/// Adds a name
#[derive(Debug, Args)]
pub(super) struct Add {
    /// Of the letters a-z, 0-9, `.`, `_` and `-`
    name: String,
    /// With the capitals of its checksum (EIP-55), or with none
    address: String,
}

/// Removes a name
#[derive(Debug, Args)]
pub(super) struct Remove {
    /// The name
    name: String,
}

impl ContactsCommand {
    pub(super) fn run(self, context: &Context) -> Result<bool, WalletError> {
        let path = context.contacts_path()?;
        let mut contacts = Contacts::load(&path)?;
        match self {
            Self::Add(Add { name, address }) => {
                let address = Contacts::default().resolve(&address)?;
                contacts.add(&name, address)?;
                contacts.store(&path)?;
            }
            Self::Remove(Remove { name }) => {
                contacts.remove(&name)?;
                contacts.store(&path)?;
            }
            Self::List => {
                for (name, address) in contacts.iter() {
                    let value = json!({"name": name, "address": address});
                    context.output.print(&format!("{name} {address}"), &value)?;
                }
            }
        }
        Ok(true)
    }
}
