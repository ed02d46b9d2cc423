//! The shape of every enum that has a number on the wire and a name in upper case: written once, used by all.

/// Declares an enum whose variants have a wire number, a short name and a Chinese name, with conversions both ways.
/// Number 0 is never a variant: it is "not said", and the border refuses it or reads it as absent.
macro_rules! numbered {
    ($(#[$outer:meta])* $vis:vis enum $name:ident as $field:literal {
        $($(#[$inner:meta])* $variant:ident = $number:literal, $text:literal, $zh:literal;)+
    }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        $vis enum $name { $($(#[$inner])* $variant,)+ }

        impl $name {
            /// Every value, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The number on the wire; never 0.
            pub const fn number(self) -> i32 {
                match self { $(Self::$variant => $number,)+ }
            }

            /// The value with this wire number, if there is one; 0 is none.
            pub const fn from_number(number: i32) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }

            /// Its short name, as in the catalogue.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Its Chinese name, as people read it.
            pub const fn zh(self) -> &'static str {
                match self { $(Self::$variant => $zh,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::invalid::Invalid;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.name() == text).ok_or_else(|| {
                    $crate::invalid::Invalid::new($crate::reason::Reason::BadCode, $field, "code.known").detail(text)
                })
            }
        }

        $crate::text_form::text_form!($name);
    };
}

pub(crate) use numbered;
