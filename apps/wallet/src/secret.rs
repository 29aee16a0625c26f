//! Secrets: text and bytes that are wiped when they go, and that no formatter shows.
//!
//! In: standard input, files, and the terminal (without echo). Out: [`SecretText`]. Buffers have
//! their full size from the start, since one that grows leaves its old contents behind.

use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr,
};
use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, IsTerminal, Write},
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Most bytes of a secret that is read: far more than 24 words or 16 shares of 59 words take.
pub const SECRET_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of a line that is typed.
const LINE_BYTES_MAX: usize = 4096;

/// Text that is secret.
#[derive(Clone, Default)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes text into keeping.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself. Whoever asks must not let it out.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The text in normalisation form KD, as BIP-39 asks for.
    #[must_use]
    pub fn nfkd(&self) -> Self {
        let bytes = self.0.nfkd().map(char::len_utf8).sum();
        let mut text = Zeroizing::new(String::with_capacity(bytes));
        text.extend(self.0.nfkd());
        Self(text)
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

/// Bytes that are secret.
#[derive(Clone)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes bytes into keeping.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves. Whoever asks must not let them out.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes that hexadecimal digits stand for, with or without `0x`. `None` if the text is
    /// something else.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
        let (pairs, rest) = digits.as_chunks::<2>();
        let mut bytes = Zeroizing::new(Vec::with_capacity(pairs.len()));
        for [high, low] in pairs {
            let digit = |digit: &u8| char::from(*digit).to_digit(16);
            bytes.push(u8::try_from(digit(high)? << 4 | digit(low)?).ok()?);
        }
        rest.is_empty().then_some(Self(bytes))
    }

    /// The bytes as hexadecimal digits, without `0x`.
    pub fn to_hex(&self) -> SecretText {
        let mut text = Zeroizing::new(String::with_capacity(2 * self.0.len()));
        for byte in self.0.iter() {
            for half in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(half.into(), 16));
            }
        }
        SecretText(text)
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(..)")
    }
}

/// Why a secret cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// A file cannot be read.
    #[error("{path} cannot be read")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Standard input cannot be read.
    #[error("standard input cannot be read")]
    Standard(#[source] io::Error),
    /// There is no terminal to ask on.
    #[error("there is no terminal to ask on; give the secret in a file or on standard input")]
    NoTerminal(#[source] io::Error),
    /// Somebody pressed Ctrl-C or ended the input.
    #[error("the input was broken off")]
    Interrupted,
    /// There is more than a secret can have.
    #[error("there are more than {0} bytes; is this the right file?")]
    TooLong(usize),
    /// The secret is not text.
    #[error("the secret is not UTF-8; was it saved in another encoding?")]
    Encoding,
    /// There is nothing.
    #[error("there is nothing to read; {0}")]
    Empty(&'static str),
    /// What was typed first and second is not the same.
    #[error("the two inputs differ; try again")]
    Differ,
}

/// Reads the secret in a file, without the line break at its end.
///
/// # Errors
///
/// The file cannot be read, is too long or is not UTF-8.
pub fn read_file(path: &Path) -> Result<SecretText, InputError> {
    let failed = |source| InputError::File { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    read_all(file.as_fd(), failed)
}

/// Reads what standard input has: all of it from a pipe or file, a line without echo from a
/// terminal, where `question` is asked.
///
/// # Errors
///
/// Standard input cannot be read, has nothing, too much, or something that is not UTF-8.
pub fn read_standard(question: &'static str) -> Result<SecretText, InputError> {
    let input = io::stdin();
    let text = if input.is_terminal() {
        prompt(&format!("{question}: "))?
    } else {
        // Not through `io::stdin`'s own buffer, which nobody wipes.
        read_all(input.as_fd(), InputError::Standard)?
    };
    if text.expose().trim().is_empty() {
        return Err(InputError::Empty("give it on standard input"));
    }
    Ok(text)
}

fn read_all(
    file: BorrowedFd<'_>,
    failed: impl Fn(io::Error) -> InputError,
) -> Result<SecretText, InputError> {
    let mut bytes = Zeroizing::new(vec![0; SECRET_BYTES_MAX + 1]);
    let mut length = 0;
    loop {
        let room = bytes.get_mut(length..).unwrap_or_default();
        if room.is_empty() {
            return Err(InputError::TooLong(SECRET_BYTES_MAX));
        }
        match rustix::io::read(file, room) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(failed(error.into())),
        }
    }
    text(bytes.get(..length).unwrap_or_default())
}

/// Copies text to a buffer of its size, without the line break at its end.
fn text(bytes: &[u8]) -> Result<SecretText, InputError> {
    let text = std::str::from_utf8(bytes).map_err(|_| InputError::Encoding)?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(SecretText::new(text.strip_suffix('\r').unwrap_or(text).to_owned()))
}

/// Asks on the terminal, without echo.
///
/// # Errors
///
/// There is no terminal, or the input was broken off.
pub fn prompt(question: &str) -> Result<SecretText, InputError> {
    let terminal = terminal()?;
    // Before the question is there: whoever sees it may type at once.
    let quiet = Quiet::new(&terminal)?;
    (&terminal).write_all(question.as_bytes()).map_err(InputError::NoTerminal)?;
    let line = read_line(quiet.terminal);
    (&terminal).write_all(b"\n").map_err(InputError::NoTerminal)?;
    line
}

/// Asks for a new secret twice.
///
/// # Errors
///
/// As [`prompt`], and when both differ or are empty.
pub fn prompt_twice(question: &str) -> Result<SecretText, InputError> {
    let first = prompt(&format!("{question}: "))?;
    let second = prompt(&format!("{question}, once more: "))?;
    if first.expose() != second.expose() {
        return Err(InputError::Differ);
    }
    if first.expose().is_empty() {
        return Err(InputError::Empty("an empty password protects nothing"));
    }
    Ok(first)
}

/// Shows text on the terminal and asks for `yes`; anything else is no.
///
/// # Errors
///
/// There is no terminal.
pub fn confirm(text: &str) -> Result<bool, InputError> {
    let mut terminal = terminal()?;
    // What was typed before the question is there is no answer to it.
    tcflush(&terminal, QueueSelector::IFlush)
        .map_err(|error| InputError::NoTerminal(error.into()))?;
    let question = format!("{text}\nSign this? Type yes to sign: ");
    terminal.write_all(question.as_bytes()).map_err(InputError::NoTerminal)?;
    let mut line = [0; 64];
    let read = rustix::io::read(&terminal, &mut line)
        .map_err(|error| InputError::NoTerminal(error.into()))?;
    Ok(line.get(..read).unwrap_or_default().trim_ascii() == b"yes")
}

/// The terminal that the process belongs to, whatever its standard input is.
///
/// # Errors
///
/// There is none.
pub(crate) fn terminal() -> Result<File, InputError> {
    OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(InputError::NoTerminal)
}

/// A terminal without echo, until this is dropped.
struct Quiet<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn new(terminal: &'a File) -> Result<Self, InputError> {
        let failed = |error: rustix::io::Errno| InputError::NoTerminal(error.into());
        let before = tcgetattr(terminal).map_err(failed)?;
        let mut quiet = before.clone();
        // Ctrl-C is read like any key: a signal would end the process and leave the terminal mute.
        quiet.local_modes &= !(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(terminal, OptionalActions::Flush, &quiet).map_err(failed)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // Nothing more can be done about a terminal that is gone.
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

fn read_line(terminal: &File) -> Result<SecretText, InputError> {
    const INTERRUPT: u8 = 0x03;
    const END: u8 = 0x04;
    const BACKSPACE: u8 = 0x08;
    const ERASE_LINE: u8 = 0x15;
    const DELETE: u8 = 0x7f;
    let mut line = Zeroizing::new(Vec::with_capacity(LINE_BYTES_MAX));
    let mut key = Zeroizing::new([0]);
    loop {
        match rustix::io::read(terminal, key.as_mut_slice()) {
            Ok(0) => return Err(InputError::Interrupted),
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(InputError::NoTerminal(error.into())),
            Ok(_) => {}
        }
        let [byte] = *key;
        match byte {
            b'\n' | b'\r' => return text(&line),
            INTERRUPT => return Err(InputError::Interrupted),
            END if line.is_empty() => return Err(InputError::Interrupted),
            BACKSPACE | DELETE => {
                // A character may be several bytes, of which all but the first begin with 0b10.
                while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            ERASE_LINE => line.clear(),
            _ if line.len() == LINE_BYTES_MAX => return Err(InputError::TooLong(LINE_BYTES_MAX)),
            _ => line.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let text = SecretText::new("correct horse".to_owned());
        let bytes = SecretBytes::new(vec![0xab; 4]);
        assert_eq!(format!("{text:?} {bytes:?}"), "SecretText(..) SecretBytes(..)");
    }

    #[test]
    fn hexadecimal_digits_round_trip() {
        let bytes = SecretBytes::from_hex("0x00ff7a").unwrap();
        assert_eq!(bytes.expose(), [0, 255, 0x7a]);
        assert_eq!(bytes.to_hex().expose(), "00ff7a");
        for wrong in ["0", "0x0", "zz", "0x+1", "é0"] {
            assert!(SecretBytes::from_hex(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn only_the_line_break_at_the_end_is_cut_off() {
        for (given, kept) in [("a b\r\n", "a b"), (" a \n", " a "), ("a\n\n", "a\n"), ("", "")] {
            assert_eq!(text(given.as_bytes()).unwrap().expose(), kept);
        }
        assert!(matches!(text(&[0xff]), Err(InputError::Encoding)));
    }

    #[test]
    fn refuses_a_file_that_is_too_long() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long");
        std::fs::write(&path, vec![b'a'; SECRET_BYTES_MAX + 1]).unwrap();
        assert!(matches!(read_file(&path), Err(InputError::TooLong(_))));
        std::fs::write(&path, vec![b'a'; SECRET_BYTES_MAX]).unwrap();
        assert_eq!(read_file(&path).unwrap().expose().len(), SECRET_BYTES_MAX);
    }
}
