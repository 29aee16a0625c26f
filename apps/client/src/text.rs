//! Text of strangers.

/// Text of a stranger in printable ASCII.
pub fn visible(text: &str) -> String {
    let escape = |letter: char| match letter {
        '\n' | ' '..='~' => letter.to_string(),
        _ => letter.escape_unicode().to_string(),
    };
    text.chars().map(escape).collect()
}
