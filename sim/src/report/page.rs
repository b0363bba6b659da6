//! The page around plots: one file that needs nothing else, on screens and on paper.

use super::drawing::Ink;
use super::unit::{Scale, Unit};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = "
:root { color-scheme: light; --ink: #1f2630; --soft: #59636f; --line: #dfe3e8; --good: #00694a;
  --bad: #b04400; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 74rem; padding: 2.5rem 1.5rem 4rem; color: var(--ink);
  background: #fff; font: 1rem/1.5 system-ui, 'Segoe UI', 'Liberation Sans', sans-serif; }
header { border-bottom: 1px solid var(--line); padding-bottom: 1.5rem; }
.kind { margin: 0; color: var(--soft); letter-spacing: .08em; text-transform: uppercase;
  font-size: .8rem; }
h1 { margin: .1rem 0 .4rem; font-size: 2.2rem; line-height: 1.15; overflow-wrap: anywhere; }
h2 { margin: 2.6rem 0 .3rem; font-size: 1.35rem; }
.claim { margin: 0 0 1.2rem; max-width: 46rem; font-size: 1.15rem; }
.note { margin: 0 0 .8rem; color: var(--soft); font-size: .9rem; }
dl { display: flex; flex-wrap: wrap; gap: .4rem 2.2rem; margin: 0; }
dl div { min-width: 0; }
dt { color: var(--soft); font-size: .8rem; }
dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.verdict { display: inline-block; border-radius: .4rem; padding: .1rem .6rem; color: #fff;
  font-weight: 600; white-space: nowrap; background: var(--good); }
.fails .verdict { background: var(--bad); }
.sum { margin: 0 0 1.2rem; }
.sum .verdict { font-size: 1.15rem; padding: .3rem .9rem; }
.finding { display: grid; grid-template-columns: 5.5rem 1fr 15rem; gap: .2rem 1rem;
  align-items: center; margin: .6rem 0; padding: .7rem 1rem; border: 1px solid var(--line);
  border-left: .35rem solid var(--good); border-radius: .4rem; }
.finding.fails { border-left-color: var(--bad); }
.finding p { margin: 0; }
.found { font-size: 1.2rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.found + span { display: block; color: var(--soft); font-size: .85rem; }
.plots, .groups { display: grid; gap: 1.2rem 1.6rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 28rem), 1fr)); }
.groups { grid-auto-flow: dense; gap: .6rem 1.6rem; }
.groups section { min-width: 0; }
.groups .many { grid-column: 1 / -1; }
h3 { margin: 1rem 0 .3rem; font-size: 1.1rem; border-top: 1px solid var(--line);
  padding-top: .5rem; }
figure { margin: 0; min-width: 0; break-inside: avoid; }
figcaption { font-weight: 600; margin-bottom: .2rem; overflow-wrap: anywhere; }
figcaption small { color: var(--soft); font-weight: 400; font-size: .85rem; }
.plot { display: block; width: 100%; height: auto; }
.plot rect { shape-rendering: crispEdges; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; margin: 0 0 .8rem; padding: 0;
  list-style: none; font-size: .95rem; }
.keep { position: sticky; top: 0; background: #fffffff0; padding: .4rem 0; }
.swatch { width: 1.9rem; height: .65rem; margin-right: .45rem; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; }
td.number, th.number { text-align: right; white-space: nowrap; }
td small { display: block; color: var(--soft); }
footer { margin-top: 2.5rem; }
summary { cursor: pointer; }
@media (max-width: 44rem) { .finding { grid-template-columns: 1fr; justify-items: start; }
  h1 { font-size: 1.7rem; } }
@media print { body { max-width: none; padding: 0; font-size: 10pt; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .keep { position: static; }
  h2, h3, .finding { break-after: avoid; break-inside: avoid; } }
";

/// A whole page.
pub(super) fn page(title: &str, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    }
    .into_string()
}

/// What stands above everything else: the kind of page, its name, its claim, a verdict if there is one, and facts.
pub(super) fn header(
    (kind, name): (&str, &str),
    claim: &str,
    verdict: Option<Markup>,
    facts: &[(&str, String)],
) -> Markup {
    html! {
        header {
            p.kind { (kind) }
            h1 { (name) }
            p.claim { (claim) }
            @if let Some(verdict) = verdict { (verdict) }
            dl {
                @for (name, fact) in facts {
                    div { dt { (name) } dd { (fact) } }
                }
            }
        }
    }
}

/// Which colour is which arm.
pub(super) fn legend<'a>(arms: impl Iterator<Item = (&'a str, Ink)>) -> Markup {
    html! {
        ul.legend.keep {
            @for (arm, ink) in arms { li { (ink.swatch()) (arm) } }
        }
    }
}

/// A plot under its title, with the unit of what it shows.
pub(super) fn figure(title: &str, unit: &str, plot: &Markup) -> Markup {
    html! {
        figure {
            figcaption {
                (title)
                @if !unit.is_empty() { " " small { (unit) } }
            }
            (plot)
        }
    }
}

/// "low to high", as large as numbers of that unit are.
pub(super) fn between(scale: Scale, (low, high): (f64, f64)) -> String {
    if low.is_finite() && high.is_finite() {
        format!("{} to {}", scale.number(low), scale.number(high))
    } else {
        "no interval".into()
    }
}

/// The scale on which a mean and its interval are both written.
pub(super) fn scale(unit: Unit, mean: f64, (low, high): (f64, f64)) -> Scale {
    let finite = [mean, low, high].into_iter().filter(|value| value.is_finite());
    unit.scale(finite.map(f64::abs).fold(0.0, f64::max))
}

/// "1 run", "30 runs".
pub(super) fn counted(many: usize, thing: &str) -> String {
    if many == 1 { format!("1 {thing}") } else { format!("{many} {thing}s") }
}
