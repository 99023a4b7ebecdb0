//! Text that came from outside, made safe to show.

use std::borrow::Cow;

/// For terminals and log lines: control characters, line separators, what has no width and the marks that reverse the
/// direction of text are shown as `\u{..}`, so that a product's name can neither move the cursor, nor forge a line, nor look
/// like another.
pub fn escape_control(text: &str) -> Cow<'_, str> {
    escape(text, |character| is_control(character).then(|| character.escape_unicode().to_string().into()))
}

/// For HTML, as an element's text or a quoted attribute's value.
pub fn escape_html(text: &str) -> Cow<'_, str> {
    escape(text, |character| match character {
        '&' => Some("&amp;".into()),
        '<' => Some("&lt;".into()),
        '>' => Some("&gt;".into()),
        '"' => Some("&quot;".into()),
        '\'' => Some("&#39;".into()),
        _ => None,
    })
}

fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Copies only if there is a replacement for at least one character.
fn escape(text: &str, replacement: impl Fn(char) -> Option<Cow<'static, str>>) -> Cow<'_, str> {
    let mut escaped = String::new();
    let mut copied = 0;
    for (at, character) in text.char_indices() {
        if let Some(replacement) = replacement(character) {
            escaped.push_str(&text[copied..at]);
            escaped.push_str(&replacement);
            copied = at + character.len_utf8();
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    escaped.push_str(&text[copied..]);
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_moves_the_cursor_or_forges_a_line_is_escaped() {
        for (text, shown) in [
            ("Teacup — blue", "Teacup — blue"),
            ("", ""),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\nb\r\u{0}", "a\\u{a}b\\u{d}\\u{0}"),
            ("\u{202e}evil", "\\u{202e}evil"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("pay\u{200b}pal\u{2028}\u{e0041}", "pay\\u{200b}pal\\u{2028}\\u{e0041}"),
        ] {
            assert_eq!(escape_control(text), shown);
        }
        assert!(matches!(escape_control("plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn html_is_escaped_in_text_and_attributes() {
        assert_eq!(escape_html("<b onload='x(\"&\")'>"), "&lt;b onload=&#39;x(&quot;&amp;&quot;)&#39;&gt;");
        assert!(matches!(escape_html("plain"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn whatever_a_text_holds_it_is_shown_without_control_and_without_markup(text: String, noise in "[\u{0}-\u{20}\u{7f}-\u{a0}\u{200b}-\u{202e}<>&'\"]{0,40}") {
            for text in [text, noise] {
                prop_assert!(!escape_control(&text).chars().any(is_control), "{:?}", text);
                let html = escape_html(&text);
                prop_assert!(!html.contains(['<', '>', '"', '\'']), "{}", html);
                let mut shown = html.into_owned();
                for (entity, character) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")] {
                    shown = shown.replace(entity, character);
                }
                prop_assert_eq!(shown, text);
            }
        }
    }
}
