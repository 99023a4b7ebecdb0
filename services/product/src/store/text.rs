//! How text becomes words, in every store alike: runs of letters and digits, in lower case, without accents.

use tantivy::tokenizer::{AsciiFoldingFilter, LowerCaser, RemoveLongFilter, SimpleTokenizer, TextAnalyzer};

/// The longest word that is indexed, in bytes.
pub(super) const LONGEST_WORD: usize = 64;
/// Words that count in a search; what is typed beyond them is ignored.
const MOST_WORDS: usize = 16;

pub(super) fn analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(LONGEST_WORD))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .build()
}

/// The words that somebody searches for, each once.
pub(super) fn searched(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    analyzer().token_stream(text).process(&mut |token| {
        if words.len() < MOST_WORDS && !words.contains(&token.text) {
            words.push(token.text.clone());
        }
    });
    words
}

/// Slips that a word may have; more of them make another word.
pub(super) fn slips_allowed(word: &str) -> u8 {
    // A digit more or less makes another stock code, not a slip.
    if word.chars().any(|character| character.is_ascii_digit()) {
        return 0;
    }
    match word.chars().count() {
        0..3 => 0,
        3..6 => 1,
        _ => 2,
    }
}

/// From how many characters on the beginning of a word may have slips.
pub(super) const SHORTEST_BEGINNING: usize = 4;
/// Words of the index that one mistyped word may stand for.
pub(super) const MOST_CORRECTIONS: usize = 64;
