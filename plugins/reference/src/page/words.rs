//! The pages' words in two languages.

/// The words of one language.
pub(super) struct Words {
    pub language: &'static str,
    /// Between thousands, and before the cents.
    pub group: char,
    pub point: char,
    pub payment: &'static str,
    pub signature: &'static str,
    pub document: &'static str,
    pub about: &'static str,
    pub to_pay: &'static str,
    pub amount: &'static str,
    pub reference: &'static str,
    pub how: &'static str,
    /// How one may pay: the form's value, a name, and what is special.
    pub means: [(&'static str, &'static str, &'static str); 3],
    pub pay: &'static str,
    pub decline: &'static str,
    pub paid: &'static str,
    pub declined: &'static str,
    pub not_paid: &'static str,
    pub pay_after_all: &'static str,
    pub no_means: &'static str,
    pub changed: &'static str,
    pub signer: &'static str,
    pub agree: &'static str,
    pub sign: &'static str,
    pub refuse: &'static str,
    pub signed: &'static str,
    pub signed_by: &'static str,
    pub not_signed: &'static str,
    pub sign_after_all: &'static str,
    pub no_signer: &'static str,
    pub not_read: &'static str,
    pub impossible: &'static str,
    pub unknown: &'static str,
    pub demonstration: &'static str,
    pub demonstration_signature: &'static str,
}

const ENGLISH: Words = Words {
    language: "en",
    group: ',',
    point: '.',
    payment: "Payment",
    signature: "Signature",
    document: "Document",
    about: "For",
    to_pay: "To pay",
    amount: "Amount",
    reference: "Reference",
    how: "How do you want to pay?",
    means: [
        ("card", "Test card", "ending in 4242"),
        ("transfer", "Instant transfer", "from your test account"),
        ("wallet", "Test wallet", "on this device"),
    ],
    pay: "Pay",
    decline: "Do not pay",
    paid: "The payment was made. Thank you.",
    declined: "The payment was declined. Nothing was taken.",
    not_paid: "You declined the payment. Nothing was taken.",
    pay_after_all: "Pay after all",
    no_means: "Please choose how you want to pay.",
    changed: "The document has changed since you opened this page. Please look at it again.",
    signer: "Your first and last name",
    agree: "I have read the document and agree to it.",
    sign: "Sign",
    refuse: "Do not sign",
    signed: "The document was signed. Thank you.",
    signed_by: "Signed by",
    not_signed: "You declined to sign. Nothing was signed.",
    sign_after_all: "Sign after all",
    no_signer: "Please enter your name.",
    not_read: "Please confirm that you have read the document.",
    impossible: "There is nothing to pay or sign here.",
    unknown: "The shop has no such document. Please save it first.",
    demonstration: "This is a demonstration: no money is moved, and no card number is asked for.",
    demonstration_signature: "This is a demonstration: the signature binds nobody.",
};

const FRENCH: Words = Words {
    language: "fr",
    group: '\u{202f}',
    point: ',',
    payment: "Paiement",
    signature: "Signature électronique",
    document: "Document",
    about: "Objet",
    to_pay: "À payer",
    amount: "Montant",
    reference: "Référence",
    how: "Comment souhaitez-vous payer\u{a0}?",
    means: [
        ("card", "Carte de test", "se terminant par 4242"),
        ("transfer", "Virement instantané", "depuis votre compte de test"),
        ("wallet", "Portefeuille de test", "sur cet appareil"),
    ],
    pay: "Payer",
    decline: "Ne pas payer",
    paid: "Le paiement a été effectué. Merci.",
    declined: "Le paiement a été refusé. Rien n’a été débité.",
    not_paid: "Vous avez refusé de payer. Rien n’a été débité.",
    pay_after_all: "Payer malgré tout",
    no_means: "Veuillez choisir un moyen de paiement.",
    changed: "Le document a changé depuis l’ouverture de cette page. Veuillez le vérifier à nouveau.",
    signer: "Vos prénom et nom",
    agree: "J’ai lu le document et je l’accepte.",
    sign: "Signer",
    refuse: "Ne pas signer",
    signed: "Le document a été signé. Merci.",
    signed_by: "Signé par",
    not_signed: "Vous avez refusé de signer. Rien n’a été signé.",
    sign_after_all: "Signer malgré tout",
    no_signer: "Veuillez saisir votre nom.",
    not_read: "Veuillez confirmer que vous avez lu le document.",
    impossible: "Il n’y a rien à payer ni à signer ici.",
    unknown: "La boutique ne connaît pas ce document. Veuillez d’abord l’enregistrer.",
    demonstration: "Ceci est une démonstration\u{a0}: aucune somme n’est débitée et aucun numéro de carte n’est demandé.",
    demonstration_signature: "Ceci est une démonstration\u{a0}: la signature n’engage personne.",
};

impl Words {
    /// That there is so much more of the kind.
    pub(super) fn and_more(&self, more: u32) -> String {
        match (self.language, more) {
            ("fr", 1) => " et 1 autre".to_owned(),
            ("fr", more) => format!(" et {more} autres"),
            (_, more) => format!(" and {more} more"),
        }
    }
}

/// The language by its first letters, since spellings differ: `fr`, `FR`, `fr-CA`.
pub(super) fn of(localisation: Option<&str>) -> &'static Words {
    let french = localisation.and_then(|code| code.get(..2)).is_some_and(|code| code.eq_ignore_ascii_case("fr"));
    if french { &FRENCH } else { &ENGLISH }
}
