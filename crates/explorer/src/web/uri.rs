//! `data:` URIs in what items say of themselves. Nothing is fetched from anywhere.

use super::text;
use maud::{Markup, html};

/// Characters of an image that is shown.
const IMAGE_CHARS_MAX: usize = 512 << 10;
/// Characters of a description that is decoded.
const JSON_CHARS_MAX: usize = 1 << 20;
/// Pictures that cannot hold anything but a picture: SVG can hold scripts and links.
const PICTURES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// A URI as text, and what it holds if it holds it itself.
pub(crate) fn show(uri: &str) -> Markup {
    html! {
        pre tabindex="0" { (text::text(uri)) }
        (picture(uri))
        @if let Some(json) = json(uri) {
            h3 { "What it holds" }
            pre tabindex="0" { (text::text(&json)) }
            @if let Some(image) = image_of(&json) { (picture(&image)) }
        }
    }
}

/// An image, if that is what it is and it is harmless.
fn picture(uri: &str) -> Markup {
    match safe_picture(uri) {
        Some(uri) => {
            html! { p { img.picture src=(uri) alt="What the contract shows of this item"; } }
        }
        None => html! {},
    }
}

/// The same URI, if it is a picture of a kind that holds no more than a picture.
fn safe_picture(uri: &str) -> Option<&str> {
    let (kind, data) = uri.strip_prefix("data:")?.split_once(";base64,")?;
    let is_data = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=');
    let is_safe = PICTURES.contains(&kind)
        && uri.len() <= IMAGE_CHARS_MAX
        && !data.is_empty()
        && data.bytes().all(is_data);
    is_safe.then_some(uri)
}

/// The text of a description in JSON.
fn json(uri: &str) -> Option<String> {
    let rest = uri.strip_prefix("data:application/json")?;
    if rest.len() > JSON_CHARS_MAX {
        return None;
    }
    let (parameters, data) = rest.split_once(',')?;
    let bytes = if parameters.ends_with(";base64") { base64(data)? } else { percent(data) };
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn image_of(json: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(json).ok()?;
    let image = value.get("image").or_else(|| value.get("image_data"))?;
    image.as_str().map(str::to_owned)
}

/// RFC 4648, section 4.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for c in text.trim_end_matches('=').bytes() {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    Some(out)
}

/// RFC 3986, section 2.1; what is not encoded stays.
fn percent(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).filter(|_| *first == b'%');
        let byte = digits
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match byte {
            Some(byte) => {
                out.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = behind;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_pictures_and_nothing_that_can_do_more() {
        assert!(show("data:image/png;base64,iVBORw0KGgo=").into_string().contains("<img"));
        for uri in [
            "data:image/svg+xml;base64,PHN2Zy8+",
            "data:text/html;base64,PHN2Zy8+",
            "javascript:alert(1)",
            "https://example.org/x.png",
            "data:image/png;base64,\" onerror=\"alert(1)",
            "data:image/png,raw",
            "data:image/svg+xml;x=data:image/png;base64,AAAA",
        ] {
            assert!(!show(uri).into_string().contains("<img"), "{uri}");
        }
        let long = format!("data:image/png;base64,{}", "A".repeat(IMAGE_CHARS_MAX));
        assert!(!show(&long).into_string().contains("<img"));
    }

    #[test]
    fn a_description_is_decoded_and_harmless() {
        let encoded = "data:application/json;base64,eyJuYW1lIjoiPHNjcmlwdD4iLCJpbWFnZSI6ImRhdGE6aW1hZ2UvZ2lmO2Jhc2U2NCxSMGxHIn0=";
        let shown = show(encoded).into_string();
        assert!(shown.contains("&lt;script&gt;") && !shown.contains("<script"));
        assert!(shown.contains("<img class=\"picture\" src=\"data:image/gif;base64,R0lG\""));
        let plain = show("data:application/json;utf8,%7B%22a%22:1%7D%").into_string();
        assert!(plain.contains("{&quot;a&quot;:1}%"));
        assert_eq!(base64("aGVsbG8="), Some(b"hello".to_vec()));
        assert_eq!(base64("a*"), None);
    }
}
