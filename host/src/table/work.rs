//! The kinds of work that a channel does: each has a breaker of its own.

use wharf_protocol::notification::EventKind;
use wharf_protocol::sdk::Interaction;

/// One of the interactions, one of the kinds of notifications, or the payment page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Work(u8);

const SDK: usize = Interaction::ALL.len();
/// What is no SDK interaction, by the names that administrators use.
const OTHERS: [&str; 7] = [
    "document.validation",
    "document.cancellation",
    "document.pricing",
    "payment.validation",
    "contact",
    "workflow",
    "payment.page",
];

impl Work {
    /// How many there are.
    pub const COUNT: usize = SDK + OTHERS.len();
    /// The payment page.
    pub const PAYMENT_PAGE: Self = Self::other(6);

    #[expect(clippy::cast_possible_truncation, reason = "there are 18 of them")]
    const fn other(index: usize) -> Self {
        Self((SDK + index) as u8)
    }

    /// An SDK interaction.
    pub fn sdk(interaction: Interaction) -> Self {
        Self(interaction as u8)
    }

    /// A notification.
    pub fn notification(kind: EventKind) -> Self {
        Self::other(match kind {
            EventKind::DocumentValidation => 0,
            EventKind::DocumentCancellation => 1,
            EventKind::DocumentPricing => 2,
            EventKind::PaymentValidation => 3,
            EventKind::Contact => 4,
            EventKind::Workflow => 5,
        })
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(|index| Self(u8::try_from(index).unwrap_or_default()))
    }

    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|work| work.name() == name)
    }

    /// Its name: `order_pull`, `document.pricing`, `contact` (all of `contact.*`).
    pub fn name(self) -> &'static str {
        let index = self.index();
        Interaction::ALL.get(index).map_or_else(|| OTHERS[index - SDK], |interaction| interaction.name())
    }

    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_work_has_a_name_that_finds_it() {
        for work in Work::all() {
            assert_eq!(Work::named(work.name()), Some(work));
        }
        for interaction in Interaction::ALL {
            assert_eq!(Work::sdk(interaction).name(), interaction.name());
        }
        assert_eq!(Work::notification(EventKind::Contact).name(), "contact");
        assert_eq!(Work::PAYMENT_PAGE.name(), "payment.page");
        assert_eq!(Work::named("order_pul"), None);
    }
}
