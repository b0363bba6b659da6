use super::*;

#[test]
fn philox_gives_the_published_values() {
    // Random123's kat_vectors.
    let vectors = [
        ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
        ([!0; 4], [!0; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
        (
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xa409_3822, 0x299f_31d0],
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
        ),
    ];
    for (counter, key, expected) in vectors {
        assert_eq!(philox(counter, key), expected);
    }
}

#[test]
fn what_is_looked_up_again_is_the_same_and_everything_else_is_not() {
    let first = |seed, stream, agent, moment| Seed(seed).draws(stream, agent, moment).bits();
    let base = first(1, Stream::Network, 2, 3);
    assert_eq!(first(1, Stream::Network, 2, 3), base);
    for other in [
        first(2, Stream::Network, 2, 3),
        first(1, Stream::Market, 2, 3),
        first(1, Stream::Network, 3, 3),
        first(1, Stream::Network, 2, 4),
        first(1, Stream::Network, 2, 3 | 1 << 40),
    ] {
        assert_ne!(other, base);
    }
}

/// Mean and deviation of many draws.
fn moments(mut draw: impl FnMut(&mut Draws) -> f64) -> (f64, f64) {
    const COUNT: u32 = 100_000;
    let mut draws = Seed(7).draws(Stream::Behaviour, 0, 0);
    let found: Vec<f64> = (0..COUNT).map(|_| draw(&mut draws)).collect();
    let mean = found.iter().sum::<f64>() / f64::from(COUNT);
    let square = found.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / f64::from(COUNT);
    (mean, square.sqrt())
}

/// Whether both are within five standard errors of what they should be.
fn close(found: (f64, f64), mean: f64, deviation: f64) {
    let error = 5.0 * deviation / 100_000f64.sqrt();
    assert!((found.0 - mean).abs() < error, "mean {} and not {mean}", found.0);
    assert!((found.1 / deviation - 1.0).abs() < 0.03, "deviation {} and not {deviation}", found.1);
}

#[test]
fn each_distribution_has_its_mean_and_deviation() {
    close(moments(Draws::uniform), 0.5, (1.0f64 / 12.0).sqrt());
    close(moments(Draws::normal), 0.0, 1.0);
    close(moments(|d| d.exponential(3.0)), 3.0, 3.0);
    // Shape 2: mean scale × √π / 2, variance scale² × (1 − π / 4).
    let pi = std::f64::consts::PI;
    close(moments(|d| d.weibull(2.0, 2.0)), pi.sqrt(), 2.0 * (1.0 - pi / 4.0).sqrt());
    // Mean e^(σ²/2), variance (e^σ² − 1) e^σ².
    let spread = 0.25f64;
    let deviation = ((spread.exp() - 1.0) * spread.exp()).sqrt();
    close(moments(|d| d.lognormal(1.0, 0.5)), (spread / 2.0).exp(), deviation);
    close(moments(|d| f64::from(u8::try_from(d.below(11)).unwrap())), 5.0, 10f64.sqrt());
    close(moments(|d| f64::from(u8::from(d.happens(0.2)))), 0.2, 0.4);
}

#[test]
fn a_shuffle_loses_nothing_and_moves_something() {
    let mut items: Vec<u32> = (0..100).collect();
    Seed(1).draws(Stream::Behaviour, 0, 0).shuffle(&mut items);
    assert_ne!(items, (0..100).collect::<Vec<_>>());
    items.sort_unstable();
    assert_eq!(items, (0..100).collect::<Vec<_>>());
}
