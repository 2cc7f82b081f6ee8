//! What may be shown of a stranger's words.

/// Whether a character would be taken for an order by a terminal or a log, is not seen itself, or changes how others are shown.
pub(crate) fn is_harmful(character: char) -> bool {
    let invisible = |each: char| {
        matches!(each, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
            || matches!(each, '\u{61c}' | '\u{180e}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    character.is_control() || invisible(character)
}
