//! A publication: the committed exposition of all targets, in the encodings that scrapes ask for.
//!
//! Immutable. A scrape takes no lock and copies none of it: it gets a [`Body`] that shares the
//! published bytes, and appends the exporter's live series. With gzip both are one member, whose
//! checksum continues that of the published bytes.

use super::{
    assembly::{Assembly, TargetCells},
    body::Body,
    encode::Format,
    model::Family,
    variant::Variant,
};

/// A format, compressed or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    /// The format.
    pub format: Format,
    /// True for gzip.
    pub gzip: bool,
}

impl Encoding {
    /// Number of encodings.
    pub const COUNT: usize = 6;

    /// All encodings, in the order of [`Encoding::index`].
    pub const ALL: [Self; Self::COUNT] = {
        let [text, open_metrics, protobuf] = Format::ALL;
        [
            Self { format: text, gzip: false },
            Self { format: text, gzip: true },
            Self { format: open_metrics, gzip: false },
            Self { format: open_metrics, gzip: true },
            Self { format: protobuf, gzip: false },
            Self { format: protobuf, gzip: true },
        ]
    };

    /// Its index, below [`Encoding::COUNT`].
    pub fn index(self) -> usize {
        self.format as usize * 2 + usize::from(self.gzip)
    }
}

/// One publication: everything committed, in each requested encoding. Immutable.
#[derive(Debug, Default)]
pub struct Published([Option<Variant>; Encoding::COUNT]);

impl Published {
    /// Encodes `families` in every encoding, for something that is published once.
    pub fn new(families: &[Family]) -> Self {
        let mut published = Self::default();
        let heads: Vec<Family> = families.iter().map(Family::head).collect();
        for format in Format::ALL {
            let mut assembly = Assembly::default();
            assembly.rearrange(&heads, &[(None, TargetCells::all(families, format))], format);
            for gzip in [false, true] {
                published.set(Encoding { format, gzip }, assembly.variant(gzip));
            }
        }
        published
    }

    /// Adds an encoding.
    pub fn set(&mut self, encoding: Encoding, variant: Variant) {
        self.0[encoding.index()] = Some(variant);
    }

    /// Returns true if the encoding is there.
    pub fn has(&self, encoding: Encoding) -> bool {
        self.0[encoding.index()].is_some()
    }

    /// Returns the body of one scrape, the published bytes followed by `live`; `None` without that
    /// encoding. No family of `live` may have the name of a published one, because all points of a
    /// family must be consecutive.
    pub fn render(&self, live: &[Family], encoding: Encoding) -> Option<Body> {
        self.0[encoding.index()].as_ref().map(|variant| variant.render(live, encoding.format))
    }
}
