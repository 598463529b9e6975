//! What is published: the exposition of all targets as it was committed, in the formats that are asked for.
//!
//! Immutable. A scrape takes no lock and copies none of it: it gets a [`Body`] that shares the published bytes. Behind
//! them it puts a tail of its own, the exporter's live series; with gzip within the same member, the checksum going on
//! from where that of the published bytes ended.

use super::{
    assembly::{Assembly, TargetCells},
    body::Body,
    encode::Format,
    model::Family,
    variant::Variant,
};

/// A format, and whether it is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    /// The format.
    pub format: Format,
    /// Whether it is compressed.
    pub gzip: bool,
}

impl Encoding {
    /// How many there are.
    pub const COUNT: usize = 6;

    /// Every one, in the order of [`Encoding::index`].
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

    /// Its number, below [`Encoding::COUNT`].
    pub fn index(self) -> usize {
        self.format as usize * 2 + usize::from(self.gzip)
    }
}

/// One publication: everything that was committed, in each encoding that somebody asks for. Immutable.
#[derive(Debug, Default)]
pub struct Published([Option<Variant>; Encoding::COUNT]);

impl Published {
    /// Encodes and compresses `families` in every way there is: for what is published once and stays.
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

    /// Whether it can be rendered so.
    pub fn has(&self, encoding: Encoding) -> bool {
        self.0[encoding.index()].is_some()
    }

    /// The body of one scrape: the published bytes with `live` behind them; `None` in an encoding that is not kept.
    /// No family of `live` may have the name of a published one, for what belongs to a family must stand together.
    pub fn render(&self, live: &[Family], encoding: Encoding) -> Option<Body> {
        self.0[encoding.index()].as_ref().map(|variant| variant.render(live, encoding.format))
    }
}
