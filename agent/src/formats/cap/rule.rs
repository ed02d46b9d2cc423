//! The rules of FORMATS: what each is called and how grave it is. Their words stand in `proto/liandong/cap.txt`.

/// What a broken rule means for the file.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// The file is not taken.
    Refuse,
    /// It is taken, and somebody should know.
    Warn,
    /// A remark.
    Note,
}

/// One rule. C19 is not used.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "their words stand in cap.txt")]
pub enum Rule {
    Xsd,
    C01,
    C02,
    C03,
    C04,
    C05,
    C06,
    C07,
    C08,
    C09,
    C10,
    C11,
    C12,
    C13,
    C14,
    C15,
    C16,
    C17,
    C18,
    C20,
    C21,
    C22,
    C23,
    C24,
    C25,
    C26,
    C27,
    C28,
    W01,
    W02,
    W03,
    W04,
    W05,
    W06,
}

impl Rule {
    /// Every rule with the name under which it travels, in the order in which a refusal is decided.
    pub const ALL: &'static [(Self, &'static str)] = &[
        (Self::C17, "CAP.C17"),
        (Self::C13, "CAP.C13"),
        (Self::Xsd, "CAP.XSD"),
        (Self::C01, "CAP.C01"),
        (Self::C02, "CAP.C02"),
        (Self::C03, "CAP.C03"),
        (Self::C05, "CAP.C05"),
        (Self::C06, "CAP.C06"),
        (Self::C07, "CAP.C07"),
        (Self::C08, "CAP.C08"),
        (Self::C09, "CAP.C09"),
        (Self::C10, "CAP.C10"),
        (Self::C11, "CAP.C11"),
        (Self::C12, "CAP.C12"),
        (Self::C16, "CAP.C16"),
        (Self::C18, "CAP.C18"),
        (Self::C20, "CAP.C20"),
        (Self::C26, "CAP.C26"),
        (Self::C28, "CAP.C28"),
        (Self::C21, "CAP.C21"),
        (Self::C22, "CAP.C22"),
        (Self::C24, "CAP.C24"),
        (Self::C25, "CAP.C25"),
        (Self::C27, "CAP.C27"),
        (Self::C23, "CAP.C23"),
        (Self::C04, "CAP.C04"),
        (Self::C14, "CAP.C14"),
        (Self::C15, "CAP.C15"),
        (Self::W01, "CAP.W01"),
        (Self::W02, "CAP.W02"),
        (Self::W04, "CAP.W04"),
        (Self::W05, "CAP.W05"),
        (Self::W06, "CAP.W06"),
        (Self::W03, "CAP.W03"),
    ];

    /// Its name: `CAP.C02`.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(rule, _)| *rule == self).map_or("CAP", |(_, name)| name)
    }

    /// Its place in the order of refusals.
    pub fn rank(self) -> usize {
        Self::ALL.iter().position(|(rule, _)| *rule == self).unwrap_or(usize::MAX)
    }

    /// How grave it is.
    pub const fn level(self) -> Level {
        match self {
            Self::C04
            | Self::C14
            | Self::C15
            | Self::C23
            | Self::W01
            | Self::W02
            | Self::W04
            | Self::W05
            | Self::W06 => Level::Warn,
            Self::W03 => Level::Note,
            _ => Level::Refuse,
        }
    }
}
