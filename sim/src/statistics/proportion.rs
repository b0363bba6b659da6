//! How often something happens, from how often it did.

use super::real;
use super::student::{incomplete_beta, normal_width, solve};

/// Wilson's interval for a proportion of which `count` in `of` were found ("Probable inference, the law of succession, and
/// statistical inference", J. Am. Stat. Assoc. 22, 1927). Of nothing it is all there is.
pub fn wilson(count: u64, of: u64, confidence: f64) -> (f64, f64) {
    if of == 0 {
        return (0.0, 1.0);
    }
    let (all, share) = (real(of), real(count) / real(of));
    let z = normal_width(confidence);
    let shrunk = 1.0 + z * z / all;
    let middle = (share + z * z / (2.0 * all)) / shrunk;
    let spread = share * (1.0 - share) / all + z * z / (4.0 * all * all);
    let side = z * libm::sqrt(spread) / shrunk;
    ((middle - side).max(0.0), (middle + side).min(1.0))
}

/// The exact interval (Clopper and Pearson, "The use of confidence or fiducial limits", Biometrika 26, 1934): its ends are
/// the proportions at which so many or more, or so many or fewer, would be found with half of what confidence leaves.
pub fn clopper_pearson(count: u64, of: u64, confidence: f64) -> (f64, f64) {
    let tail = (1.0 - confidence) / 2.0;
    let (found, missing) = (real(count), real(of.saturating_sub(count)));
    let low = if count == 0 {
        0.0
    } else {
        solve(tail, (0.0, 1.0), |p| incomplete_beta(found, missing + 1.0, p))
    };
    let high = if count >= of {
        1.0
    } else {
        solve(1.0 - tail, (0.0, 1.0), |p| incomplete_beta(found + 1.0, missing, p))
    };
    (low, high)
}

/// The most that the proportion of something can be of which none was found in `of`, with 95 % on one side: the exact bound
/// 1 − .05^(1/n) (Clopper and Pearson 1934), which for many is close to 3/n.
pub fn none_of(of: u64) -> f64 {
    if of == 0 { 1.0 } else { -libm::expm1(libm::log(0.05) / real(of)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17, 1998, table I:
    /// methods 3 (Wilson) and 5 (Clopper and Pearson).
    #[test]
    fn both_intervals_are_the_tabled_ones() {
        for (count, of, wilsons, exact) in [
            (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
            (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
            (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
            (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
        ] {
            let close = |found: (f64, f64), expected: (f64, f64)| {
                let off = (found.0 - expected.0).abs().max((found.1 - expected.1).abs());
                assert!(off < 6e-5, "{count} of {of}: {found:?}, not {expected:?}");
            };
            close(wilson(count, of, 0.95), wilsons);
            close(clopper_pearson(count, of, 0.95), exact);
        }
    }

    /// Hanley and Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249, 1983: near 3/n.
    #[test]
    fn nothing_found_bounds_what_there_can_be() {
        assert!((none_of(1) - 0.95).abs() < 1e-12);
        assert!((none_of(30) - 0.0950).abs() < 1e-4);
        assert!((none_of(1_000_000) * 1e6 / 2.9957 - 1.0).abs() < 1e-4);
        assert!((none_of(30) - clopper_pearson(0, 30, 0.9).1).abs() < 1e-9);
        assert!((none_of(0) - 1.0).abs() < f64::EPSILON);
    }
}
