//! The macros that events, commands and their parts are declared with: one place for their derives and JSON names.

/// Plain data that is stored or sent: JSON in camelCase, with a schema. Fields whose names say all need no doc.
macro_rules! data {
    ($($(#[$doc:meta])* struct $name:ident { $($(#[$field_doc:meta])* $field:ident : $ty:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        #[allow(missing_docs, reason = "fields whose names say everything")]
        pub struct $name { $($(#[$field_doc])* pub $field: $ty),* }
    )*};
}

/// Closed lists of words: JSON in kebab-case, `word()` for stored text, `ALL` for schemas and filters.
macro_rules! words {
    ($($(#[$doc:meta])* enum $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
            schemars::JsonSchema)]
        #[allow(missing_docs, reason = "words whose names say everything")]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant),* }

        impl $name {
            /// Every word.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The word as stored and sent.
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word),* }
            }

            /// The value a word stands for.
            pub fn from_word(word: &str) -> Option<$name> {
                match word { $($word => Some($name::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }
    )*};
}

pub(crate) use {data, words};
