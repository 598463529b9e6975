//! What routing points and options are called.
//!
//! Owns the two lists of names and how they are laid over each other. Names are only shown: nothing may be counted
//! or told apart by them, because they change at any time. They come from what an operation has configured, or from
//! the operator's own file, never from a caller.

use std::collections::BTreeMap;

use crate::model::{OTHER, OptionRules, Ruled};

/// Which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameKind {
    /// By `rp_id`.
    RoutingPoints,
    /// By `cod_opc_menu`.
    Options,
}

impl NameKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::RoutingPoints, Self::Options];

    /// In words, for the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RoutingPoints => "routing points",
            Self::Options => "options",
        }
    }
}

/// Names by code. Codes and names are clean, as label values are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// By `rp_id`.
    pub routing_points: BTreeMap<String, String>,
    /// By `cod_opc_menu`.
    pub options: BTreeMap<String, String>,
}

impl Names {
    /// What a routing point is called, if anybody said.
    pub fn routing_point(&self, rp_id: &str) -> Option<&str> {
        self.routing_points.get(rp_id).map(String::as_str)
    }

    /// What an option, as it is exposed, is called, if anybody said.
    pub fn option(&self, code: &str) -> Option<&str> {
        self.options.get(code).map(String::as_str)
    }

    /// One of the lists.
    pub fn list(&self, kind: NameKind) -> &BTreeMap<String, String> {
        match kind {
            NameKind::RoutingPoints => &self.routing_points,
            NameKind::Options => &self.options,
        }
    }

    /// One of the lists, to change it.
    pub fn list_mut(&mut self, kind: NameKind) -> &mut BTreeMap<String, String> {
        match kind {
            NameKind::RoutingPoints => &mut self.routing_points,
            NameKind::Options => &mut self.options,
        }
    }

    /// These names with `over` laid over them, code by code.
    #[must_use]
    pub fn overlaid(&self, over: &Self) -> Self {
        let mut both = self.clone();
        for kind in NameKind::ALL {
            let named = over.list(kind).iter().map(|(code, name)| (code.clone(), name.clone()));
            both.list_mut(kind).extend(named);
        }
        both
    }

    /// The same, with options under the codes that they are exposed by. Where several are exposed as one, the name
    /// is that of the code that was written so, or else of the first.
    #[must_use]
    pub fn as_exposed(&self, rules: &OptionRules) -> Self {
        let mut options: BTreeMap<String, String> = BTreeMap::new();
        for (code, name) in &self.options {
            match rules.apply(code) {
                Ruled::Keep(label) if label != code => {
                    options.entry(label.to_owned()).or_insert_with(|| name.clone());
                }
                // What is folded has no name, but what it is folded into may.
                Ruled::Other if code != OTHER => {}
                _ => {
                    options.insert(code.clone(), name.clone());
                }
            }
        }
        Self { routing_points: self.routing_points.clone(), options }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(options: &[(&str, &str)]) -> Names {
        let options = options.iter().map(|(code, name)| ((*code).to_owned(), (*name).to_owned())).collect();
        Names { routing_points: BTreeMap::from([("10".to_owned(), "Principal".to_owned())]), options }
    }

    #[test]
    fn the_upper_names_win_code_by_code() {
        let own = Names { routing_points: BTreeMap::new(), ..names(&[("1", "Ventas")]) };
        let both = names(&[("1", "Opción 1"), ("2", "Opción 2")]).overlaid(&own);
        assert_eq!(both.option("1"), Some("Ventas"));
        assert_eq!(both.option("2"), Some("Opción 2"));
        assert_eq!(both.option("3"), None);
        assert_eq!((both.routing_point("10"), both.routing_point("11")), (Some("Principal"), None));
    }

    #[test]
    fn options_are_named_by_the_code_that_is_exposed() {
        let mut rules = OptionRules::default();
        rules.rename("(?i)agente", "AGENTE").expect("a pattern");
        rules.rename("x|y", "z").expect("a pattern");
        rules.deny("BUZON").expect("a pattern");
        let given = [
            ("AGENTE", "Asesor"),
            ("Agente", "no"),
            ("y", "Y"),
            ("x", "X"),
            ("BUZON", "no"),
            ("other", "Resto"),
        ];
        let exposed = names(&given).as_exposed(&rules);
        assert_eq!(exposed, names(&[("AGENTE", "Asesor"), ("z", "X"), ("other", "Resto")]));
    }
}
