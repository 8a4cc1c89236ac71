//! Configuration files that are nearly right: refused with a reason, or read the same again.

use bolero::check;
use wharf_fuzz::{Dice, spoil, within_limits};

use super::{DEFAULT, load};

#[test]
fn a_file_is_refused_with_a_reason_or_reads_the_same_again() {
    // Without comments, so that most edits hit a key or a value.
    let bare: String = DEFAULT
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.to_owned() + "\n")
        .collect();
    let sections: Vec<_> = bare
        .split_inclusive("\n[")
        .map(|part| format!("[{}", part.trim_start_matches('[').trim_end_matches('[')))
        .collect();
    check!().for_each(|script: &[u8]| {
        let dice = &mut Dice::new(script);
        let text = spoil(sections[dice.below(sections.len())].as_bytes(), dice);
        let text = String::from_utf8_lossy(&text);
        within_limits(|| match load::text("fuzzed.toml", &text) {
            Ok(config) => {
                let again = load::text("again.toml", &config.to_toml().unwrap());
                assert_eq!(again.as_ref(), Ok(&config), "{text}");
            }
            Err(errors) => {
                assert!(
                    !errors.errors.is_empty() && errors.to_string().starts_with("fuzzed.toml: "),
                    "{text}: {errors}"
                );
            }
        });
    });
}
