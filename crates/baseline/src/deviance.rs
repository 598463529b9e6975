//! Deviances that score how unlikely a count or a share is.
//!
//! Owns pure arithmetic. The statistic of a count is the deviance of a negative binomial count
//! (McCullagh and Nelder, *Generalized Linear Models*, 1989): the count varies by chance and by a
//! factor of mean 1 whose variance is the noise. Half a count of continuity correction makes the
//! deviance about the square of a normal's z, down to counts of zero.

/// Returns the deviance of a count below its mean; 0 for a count that is not. `mean` is above 0;
/// `noise` is the relative variance beyond chance.
pub(super) fn below(observed: f64, mean: f64, noise: f64) -> f64 {
    let observed = observed + 0.5;
    if observed < mean { deviance(observed, mean, noise) } else { 0.0 }
}

/// Returns the deviance of a count above its mean; 0 for a count that is not. `mean` is above 0;
/// `noise` is the relative variance beyond chance.
pub(super) fn above(observed: f64, mean: f64, noise: f64) -> f64 {
    let observed = observed - 0.5;
    if observed > mean { deviance(observed, mean, noise) } else { 0.0 }
}

/// Returns the deviance of a share above the usual one, 0 for a share that is not: `part` of
/// `whole` hits, where the usual share is `share`. `noise` is the relative variance of the share
/// beyond chance, learnt with `days` degrees of freedom.
///
/// With chance alone, the deviance would be that of the G-test, G = 2 Σ O ln(O/E), where O are the
/// observed and E the expected numbers of hits of the share's kind and of the others. With noise
/// alone, it would be ln²(part / (whole · share)) / noise. Half the harmonic mean of both is
/// returned, so that for small deviations the variances add up, reduced by [`learnt`].
pub(super) fn share_above(part: f64, whole: f64, share: f64, noise: f64, days: f64) -> f64 {
    // A share of 0 or 1 has no finite ratio.
    let share = share.clamp(1e-6, 1.0 - 1e-6);
    let part = part - 0.5;
    if part <= whole * share {
        return 0.0;
    }
    let rest = (whole - part).max(0.5);
    let ratio = (part / (whole * share)).ln();
    let chance = 2.0 * (part * ratio + rest * (rest / (whole * (1.0 - share))).ln());
    let by_noise = noise / (ratio * ratio);
    let above = 1.0 / (1.0 / chance.max(1e-9) + by_noise);
    learnt(above, above * by_noise, days)
}

/// Returns the odds of `part` in `whole`, divided by the odds of the usual share.
pub(super) fn odds(part: f64, whole: f64, share: f64) -> f64 {
    let rest = (whole - part).max(0.5);
    part / rest * (1.0 - share) / share.max(1e-9)
}

/// Returns the deviance of Student's t in place of a normal's, because some of the variance is not
/// known but learnt.
///
/// ν ln(1 + D/ν), where D is the normal's deviance and ν = days / part² are the degrees of freedom
/// (Welch and Satterthwaite). `part` is the learnt share of the variance, `days` are the degrees of
/// freedom with which it was learnt.
pub(super) fn learnt(deviance: f64, part: f64, days: f64) -> f64 {
    let freedom = days / (part * part).max(1e-9);
    freedom * (deviance / freedom).ln_1p()
}

fn deviance(observed: f64, mean: f64, noise: f64) -> f64 {
    let size = 1.0 / noise.max(1e-9);
    2.0 * (observed * (observed / mean).ln()
        - (observed + size) * ((observed + size) / (mean + size)).ln())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_deviance_is_a_number_that_is_never_negative(
            observed in 0.0..1e7_f64,
            mean in 1e-9..1e7_f64,
            noise in 0.0..10.0_f64,
            share in 0.0..=1.0_f64,
            days in 1.0..30.0_f64,
        ) {
            let whole = observed + mean;
            for deviance in [
                below(observed, mean, noise),
                above(observed, mean, noise),
                share_above(observed, whole, share, noise, days),
            ] {
                prop_assert!(deviance.is_finite() && deviance >= -1e-3, "{deviance}");
            }
        }
    }

    #[test]
    fn a_count_as_expected_is_none() {
        for noise in [0.0, 0.01, 1.0] {
            assert_eq!((below(20.0, 20.0, noise), above(20.0, 20.0, noise)), (0.0, 0.0));
        }
    }

    #[test]
    fn without_noise_it_is_that_of_a_poisson_count() {
        // The deviance of a Poisson count, 2 (mean - observed + observed ln(observed / mean)), with
        // observed = 0.5.
        let poisson = 2.0 * (18.0 - 0.5 + 0.5 * (0.5_f64 / 18.0).ln());
        assert!(
            (below(0.0, 18.0, 0.0) - poisson).abs() < 1e-3,
            "{} {poisson}",
            below(0.0, 18.0, 0.0)
        );
    }

    #[test]
    fn a_large_share_rises_as_far_as_a_small_one_does() {
        // From 45 to 75 of 100: the complement of a fall from 55 to 25.
        let above = |part, noise| share_above(part, 100.0, 0.45, noise, 1e9);
        assert!(above(75.0, 0.0) > 30.0 && above(75.0, 0.01) < above(75.0, 0.0));
        assert_eq!(above(45.0, 0.0), 0.0);
        // With many hits, noise alone counts: one and a half times the share, at a noise of 0.1².
        let many = share_above(0.45e6, 1e6, 0.3, 0.01, 1e9);
        assert!((many - 1.5_f64.ln().powi(2) / 0.01).abs() < 0.1, "{many}");
        assert!((odds(75.0, 100.0, 0.5) - 3.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_learnt_from_few_days_counts_less() {
        assert!((learnt(20.0, 0.0, 30.0) - 20.0).abs() < 1e-6);
        let half = learnt(20.0, 0.5, 30.0);
        assert!(half < 20.0 && learnt(20.0, 1.0, 30.0) < half);
        // Student's t with 30 degrees of freedom exceeds 4.5 with the probability with which a
        // normal exceeds 3.9.
        assert!((learnt(4.5 * 4.5, 1.0, 30.0).sqrt() - 3.9).abs() < 0.1);
    }

    #[test]
    fn noise_makes_it_less_and_more_so_for_a_share_than_for_nothing() {
        let part = below(60.0, 100.0, 0.04) / below(60.0, 100.0, 0.0);
        let nothing = below(0.0, 100.0, 0.04) / below(0.0, 100.0, 0.0);
        assert!(part < 0.35 && nothing > 0.35 && nothing < 1.0, "{part} {nothing}");
        // Far from zero, the deviance is about the square of a normal's z.
        let z = (1000.0_f64 - 800.5).powi(2) / (1000.0 + 0.01 * 1e6);
        assert!((below(800.0, 1000.0, 0.01) / z - 1.0).abs() < 0.25);
    }
}
