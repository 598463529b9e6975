//! Display names of routing points and options.
//!
//! Owns the lists of names and the way in which one list overlays another. Names are only shown:
//! nothing may be counted or identified by them, because they change at any time. They come from
//! the configuration of the operation or from the operator's own file, never from a caller.

use std::collections::BTreeMap;

use crate::{OTHER, OptionRules, Ruled};

/// One of the two lists of names.
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

    /// The list in words, for the log.
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
    /// Names of options at one routing point, by `rp_id` and code, because "1" is something else in
    /// each menu. Wolkvox has no such list, so they always come from the operator's file.
    pub options_at: BTreeMap<String, BTreeMap<String, String>>,
}

impl Names {
    /// The name of a routing point, if it has one.
    pub fn routing_point(&self, rp_id: &str) -> Option<&str> {
        self.routing_points.get(rp_id).map(String::as_str)
    }

    /// The general name of an option, by its exposed code, if it has one.
    pub fn option(&self, code: &str) -> Option<&str> {
        self.options.get(code).map(String::as_str)
    }

    /// The name of an option at a routing point, or else its general name.
    pub fn option_at(&self, rp_id: &str, code: &str) -> Option<&str> {
        let there = self.options_at.get(rp_id).and_then(|options| options.get(code));
        there.map(String::as_str).or_else(|| self.option(code))
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

    /// Returns these names overlaid code by code with those of `over`.
    #[must_use]
    pub fn overlaid(&self, over: &Self) -> Self {
        let mut both = self.clone();
        for kind in NameKind::ALL {
            let named = over.list(kind).iter().map(|(code, name)| (code.clone(), name.clone()));
            both.list_mut(kind).extend(named);
        }
        for (rp_id, options) in &over.options_at {
            both.options_at.entry(rp_id.clone()).or_default().extend(options.clone());
        }
        both
    }

    /// Returns the same names, with options under their exposed codes. Where several options have
    /// one exposed code, that code's own name wins, or else the name of the first option.
    #[must_use]
    pub fn as_exposed(&self, rules: &OptionRules) -> Self {
        let there = self.options_at.iter();
        Self {
            routing_points: self.routing_points.clone(),
            options: options_as_exposed(&self.options, rules),
            options_at: there
                .map(|(rp_id, of)| (rp_id.clone(), options_as_exposed(of, rules)))
                .collect(),
        }
    }
}

fn options_as_exposed(
    given: &BTreeMap<String, String>,
    rules: &OptionRules,
) -> BTreeMap<String, String> {
    let mut options: BTreeMap<String, String> = BTreeMap::new();
    for (code, name) in given {
        match rules.apply(code) {
            Ruled::Keep(label) if label != code => {
                options.entry(label.to_owned()).or_insert_with(|| name.clone());
            }
            // A folded option has no name, but `other` itself may have one.
            Ruled::Other if code != OTHER => {}
            _ => {
                options.insert(code.clone(), name.clone());
            }
        }
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(options: &[(&str, &str)]) -> Names {
        let options =
            options.iter().map(|(code, name)| ((*code).to_owned(), (*name).to_owned())).collect();
        let routing_points = BTreeMap::from([("10".to_owned(), "Principal".to_owned())]);
        Names { routing_points, options, options_at: BTreeMap::new() }
    }

    fn at(mut names: Names, rp_id: &str, options: &[(&str, &str)]) -> Names {
        names.options_at.insert(rp_id.to_owned(), self::names(options).options);
        names
    }

    #[test]
    fn the_upper_names_win_code_by_code() {
        let own = Names { routing_points: BTreeMap::new(), ..names(&[("1", "Ventas")]) };
        let own = at(own, "11", &[("2", "Soporte")]);
        let both = names(&[("1", "Opción 1"), ("2", "Opción 2")]).overlaid(&own);
        assert_eq!(both.option("1"), Some("Ventas"));
        assert_eq!(both.option("2"), Some("Opción 2"));
        assert_eq!(both.option("3"), None);
        assert_eq!((both.routing_point("10"), both.routing_point("11")), (Some("Principal"), None));
        for (rp_id, code, name) in [
            ("10", "2", Some("Opción 2")),
            ("11", "2", Some("Soporte")),
            ("11", "1", Some("Ventas")),
            ("11", "3", None),
        ] {
            assert_eq!(both.option_at(rp_id, code), name, "{code} at {rp_id}");
        }
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
        let there = at(names(&[]), "10", &given).as_exposed(&rules);
        assert_eq!(
            there,
            at(names(&[]), "10", &[("AGENTE", "Asesor"), ("z", "X"), ("other", "Resto")])
        );
    }
}
