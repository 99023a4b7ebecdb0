//! What a dashboard is told once, when it is opened.

/// How it is drawn, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub instance: String,
    pub owner: Owner,
    pub colours: Colours,
    /// Draw with ASCII only.
    pub ascii: bool,
}

/// What leaving it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// That of `up`: the instance ends with it, unless it is told to leave it running.
    Up,
    /// Attached: the instance goes on.
    Attached,
}

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    None,
    Sixteen,
    Many,
    True,
}

impl Colours {
    /// From the environment, as programs have agreed to say it.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let is_set = |name: &str| lookup(name).is_some_and(|value| !value.is_empty());
        let term = lookup("TERM").unwrap_or_default();
        if is_set("NO_COLOR") || term.ends_with("-m") || term.starts_with("vt") {
            Self::None
        } else if lookup("COLORTERM").is_some_and(|value| matches!(value.as_str(), "truecolor" | "24bit")) {
            Self::True
        } else if term.contains("256color") {
            Self::Many
        } else {
            Self::Sixteen
        }
    }
}

/// Whether the locale's characters are those of UTF-8. Without any locale they are ASCII.
pub fn is_utf8(lookup: impl Fn(&str) -> Option<String>) -> bool {
    let set =
        ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| lookup(name).filter(|value| !value.is_empty()));
    set.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(pairs: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| pairs.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn a_terminal_gets_the_colours_that_it_has() {
        for (pairs, colours) in [
            (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")][..], Colours::True),
            (&[("TERM", "screen-256color")], Colours::Many),
            (&[("TERM", "xterm")], Colours::Sixteen),
            (&[("TERM", "xterm-256color"), ("NO_COLOR", "1")], Colours::None),
            (&[("TERM", "xterm-256color"), ("NO_COLOR", "")], Colours::Many),
            (&[("TERM", "vt100")], Colours::None),
        ] {
            assert_eq!(Colours::from_lookup(of(pairs)), colours, "{pairs:?}");
        }
    }

    #[test]
    fn the_most_special_locale_counts() {
        for (pairs, utf8) in [
            (&[("LANG", "de_DE.UTF-8")][..], true),
            (&[("LANG", "C.utf8"), ("LC_ALL", "C")], false),
            (&[("LANG", "C"), ("LC_CTYPE", "en_US.UTF-8")], true),
            (&[("LC_ALL", ""), ("LANG", "en_US.UTF-8")], true),
            (&[], false),
        ] {
            assert_eq!(is_utf8(of(pairs)), utf8, "{pairs:?}");
        }
    }
}
