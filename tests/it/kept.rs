//! The instructions that are kept (`tests/bench/instructions.kept`) rise for a reason alone, and the CHANGELOG has it.

/// What is wrong with what is kept: where a figure is over a hundredth more than the fewest ever, its line ends with words of
/// the CHANGELOG that say why.
fn unexplained(kept: &str, changelog: &str) -> Vec<String> {
    // Sentences go over lines there.
    let changelog = changelog.split_whitespace().collect::<Vec<_>>().join(" ");
    let wrong = |line: &&str| {
        let columns: Vec<&str> = line.split('\t').collect();
        let &[figure, fewest, _, ref why @ ..] = &columns[..] else { return true };
        let (Ok(figure), Ok(fewest)) = (figure.parse::<u64>(), fewest.parse::<u64>()) else { return true };
        let told = matches!(why, [words] if words.len() > 20 && changelog.contains(words));
        figure < fewest || figure > fewest + fewest / 100 && !told
    };
    kept.lines().filter(wrong).map(str::to_owned).collect()
}

#[test]
fn whatever_costs_more_instructions_than_it_did_is_explained_in_the_changelog() {
    let read = |path| std::fs::read_to_string(path).unwrap();
    let unexplained = unexplained(&read("tests/bench/instructions.kept"), &read("CHANGELOG.md"));
    assert!(unexplained.is_empty(), "nothing in the CHANGELOG says why:\n{}", unexplained.join("\n"));
}

#[test]
fn a_figure_that_was_raised_without_a_word_is_found() {
    let changelog = "- Sending costs a little\n  more since pictures are signed.\n";
    for (line, right) in [
        ("1000\t1000\tpacketize", true),
        ("1010\t1000\tpacketize", true),
        ("1100\t1000\tpacketize", false),
        ("1100\t1000\tpacketize\t", false),
        ("1100\t1000\tpacketize\tmore", false),
        ("1100\t1000\tpacketize\tit is faster now, believe me", false),
        ("1100\t1000\tpacketize\tmore since pictures are signed", true),
        ("1100\t1000\tpacketize\tSending costs a little more", true),
        ("900\t1000\tpacketize", false),
        ("1000\tpacketize", false),
    ] {
        assert_eq!(unexplained(line, changelog).is_empty(), right, "{line:?}");
    }
}
