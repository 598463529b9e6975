//! What routing points and options are called, to be joined with the counters by `group_left`.

use std::collections::BTreeSet;

use super::SnapshotInput;
use crate::{
    exposition::{Family, MetricType, Sample, label_block},
    model::MenuLabels,
};

/// Always the same ones in the same order. Every routing point and every option that has series is there, named by
/// its own code where nobody gave a name, so that a join loses none.
pub(super) fn families(view: SnapshotInput<'_>) -> Vec<Family> {
    let mut points = Family::new(
        "wolkvox_routing_point_info",
        "Always 1; what the routing point is called.",
        MetricType::Gauge,
    );
    // A score may be of an option that nobody has entered since the beginning.
    let scores = view.usual.scores.as_deref();
    let judged = || scores.into_iter().flat_map(|scores| &scores.options).map(|option| &option.labels);
    let rp_ids: BTreeSet<&str> = view
        .account
        .points
        .keys()
        .chain(judged().map(|labels| &labels.point))
        .map(|point| &*point.rp_id)
        .collect();
    for rp_id in rp_ids {
        let name = view.names.routing_point(rp_id).unwrap_or(rp_id);
        let labels = label_block(&[("server", view.server), ("rp_id", rp_id), ("rp_name", name)]);
        points.points.push(Sample::new(labels, 1));
    }
    let mut options = Family::new(
        "wolkvox_menu_option_info",
        "Always 1; what the option is called, and what the operator says it means.",
        MetricType::Gauge,
    );
    let codes: BTreeSet<&str> =
        view.account.menus.keys().chain(judged()).map(|labels| &*labels.option).collect();
    for code in codes {
        let labels = label_block(&[
            ("server", view.server),
            ("cod_opc_menu", code),
            ("description", view.names.option(code).unwrap_or(code)),
            ("kind", view.kinds.kind(code).as_str()),
        ]);
        options.points.push(Sample::new(labels, 1));
    }
    vec![points, options, options_of_points(view, judged())]
}

/// What each option is called at its routing point. A metric of its own, so that kinds, which are the same everywhere,
/// can be joined by the code alone, and a name of one routing point makes no join many-to-many.
fn options_of_points<'a>(view: SnapshotInput<'a>, judged: impl Iterator<Item = &'a MenuLabels>) -> Family {
    let mut family = Family::new(
        "wolkvox_routing_point_option_info",
        "Always 1; what the option is called at this routing point.",
        MetricType::Gauge,
    );
    let all: BTreeSet<(&str, &str)> = view
        .account
        .menus
        .keys()
        .chain(judged)
        .map(|labels| (&*labels.point.rp_id, &*labels.option))
        .collect();
    for (rp_id, code) in all {
        let labels = label_block(&[
            ("server", view.server),
            ("rp_id", rp_id),
            ("cod_opc_menu", code),
            ("description", view.names.option_at(rp_id, code).unwrap_or(code)),
        ]);
        family.points.push(Sample::new(labels, 1));
    }
    family
}
