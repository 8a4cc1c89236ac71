//! What users read when a notification that they wait for failed: a fixed table, since a call does not say who reads its answer.

use wharf_protocol::notification::EventKind;

use crate::config::Language;

/// A failure's sentence in a language; none where it has only the one that the failure itself has.
pub(super) fn of_failure(code: &str, outcome: &str, language: Language) -> Option<&'static str> {
    match language {
        Language::En => None,
        Language::Fr => Some(match (code, outcome) {
            ("HOST_TRAP" | "HOST_PLUGIN_FAILED", _) => "L'extension du canal a échoué pendant sa réponse.",
            ("HOST_OUT_OF_MEMORY", _) => "L'extension du canal a manqué de mémoire.",
            ("HOST_STACK_OVERFLOW", _) => "L'extension du canal a dépassé sa pile.",
            ("HOST_INVALID_ANSWER", _) => "L'extension du canal a donné une réponse qui n'est pas conforme.",
            ("HOST_DEADLINE", _) => "L'extension du canal n'a pas répondu à temps.",
            ("HOST_CPU_DEADLINE", _) => "L'extension du canal a calculé trop longtemps.",
            ("HOST_NOT_IMPLEMENTED", _) => "L'extension du canal ne répond pas à cette demande.",
            ("HOST_RETRY_LATER", _) => "Le canal demande d'être rappelé plus tard.",
            ("HOST_BUSY", "resting") => "L'extension du canal a échoué plusieurs fois ; elle sera bientôt rappelée.",
            ("HOST_BUSY", _) => "Il y a trop de demandes en même temps.",
            ("HOST_RATE_LIMITED", _) => "Les demandes du canal arrivent trop vite.",
            ("HOST_UNAVAILABLE", _) => "Le canal n'est pas disponible pour le moment.",
            ("HOST_REPLACED", _) => "L'extension du canal a été remplacée pendant la demande.",
            ("HOST_ERROR", _) => "L'hôte a échoué ; son exploitant a été prévenu.",
            ("HOST_AMBIGUOUS", _) => {
                "L'extension du canal a échoué après avoir appelé d'autres systèmes ; on ne sait pas ce qu'ils ont fait."
            }
            _ => return None,
        }),
    }
}

/// What somebody has to look at before the next try, when nobody knows what became of this one; none where a repetition does no
/// harm.
pub(super) fn what_then(kind: EventKind, language: Language) -> Option<&'static str> {
    Some(match (kind, language) {
        (EventKind::DocumentValidation, Language::En) => {
            "It may have been recorded all the same: look for it before saving it again."
        }
        (EventKind::DocumentValidation, Language::Fr) => {
            "Le document a peut-être été enregistré malgré tout : vérifiez avant de l'enregistrer à nouveau."
        }
        (EventKind::PaymentValidation, Language::En) => {
            "Whether the payment took place is not known: make sure of it before paying again."
        }
        (EventKind::PaymentValidation, Language::Fr) => {
            "On ne sait pas si le paiement a eu lieu : vérifiez avant de payer à nouveau."
        }
        (EventKind::Contact, Language::En) => {
            "It may have been changed all the same: look at it before saving it again."
        }
        (EventKind::Contact, Language::Fr) => {
            "Le contact a peut-être été modifié malgré tout : vérifiez avant de l'enregistrer à nouveau."
        }
        (EventKind::DocumentPricing | EventKind::DocumentCancellation | EventKind::Workflow, _) => return None,
    })
}
