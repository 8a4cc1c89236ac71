//! Answers of the platform's list that are nearly right: read, or told.

use bolero::check;
use serde_json::json;
use wharf_fuzz::{Dice, spoil_json, within_limits};

use super::latest;
use super::tests::{cancelled, reading};

#[test]
fn answers_that_are_nearly_right_are_read_or_told() {
    let items =
        json!([cancelled(&json!("c1"), 1), { "cursor": 2, "notification": cancelled(&json!("x"), 2).to_string() }]);
    let whole = json!({ "success": true, "message": "", "list": items }).to_string();
    check!().for_each(|script: &[u8]| {
        let answer = spoil_json(&whole, &mut Dice::new(script));
        within_limits(|| {
            if let Ok(Some(page)) = reading().page(&answer, "c0") {
                assert!(page.to != "c0" && page.items.len() <= 4, "{answer}");
            }
            let _ = latest(&answer);
        });
    });
}
