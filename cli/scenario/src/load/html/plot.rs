use std::fmt::Write as _;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 220.0;
/// Room for the numbers of the axes, and for the legend above.
const LEFT: f64 = 48.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 24.0;
const RIGHT: f64 = 12.0;
/// Lines of the grid, at most.
const TICKS: f64 = 5.0;

/// One value for each second, where there is one.
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) colour: &'static str,
    pub(super) values: Vec<Option<f64>>,
}

/// Lines over time as SVG.
pub(super) fn plot(title: &str, lines: &[Line]) -> String {
    let seconds = lines.iter().map(|line| line.values.len()).max().unwrap_or(0);
    let last = number(seconds.saturating_sub(1)).max(1.0);
    let highest = lines.iter().flat_map(|line| line.values.iter().flatten()).copied().fold(0.0, f64::max);
    let step = step(highest);
    let top = (highest / step).ceil().max(1.0) * step;
    let x = |second: f64| LEFT + (WIDTH - LEFT - RIGHT) * second / last;
    let y = |value: f64| HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top;

    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">");
    let digits = usize::from(step < 1.0) + usize::from(step < 0.1) + usize::from(step < 0.01);
    let mut tick = 0.0;
    while tick <= top + step / 2.0 {
        let (at, right) = (y(tick), WIDTH - RIGHT);
        let _ = write!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#8883\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{tick:.digits$}</text>",
            LEFT - 6.0,
            at + 4.0
        );
        tick += step;
    }
    let pace = self::step(last).max(1.0);
    let mut second = 0.0;
    while second <= last {
        let (at, under) = (x(second), HEIGHT - 6.0);
        let _ = write!(svg, "<text x=\"{at:.1}\" y=\"{under}\" text-anchor=\"middle\">{second} s</text>");
        second += pace;
    }
    let mut legend = LEFT;
    for line in lines {
        let Line { name, colour, values } = line;
        let _ = write!(
            svg,
            "<path d=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>\
             <text x=\"{legend:.1}\" y=\"12\" style=\"fill:{colour}\">{name}</text>",
            path(values, x, y)
        );
        legend += 20.0 + 6.5 * number(name.len());
    }
    svg.push_str("</svg>");
    svg
}

/// A line that is broken where there is no value; a value between two gaps is a point.
fn path(values: &[Option<f64>], x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let mut drawing = false;
    for (second, value) in values.iter().enumerate() {
        if let Some(value) = value {
            let (command, at, height) = (if drawing { 'L' } else { 'M' }, x(number(second)), y(*value));
            let _ = write!(path, "{command}{at:.1} {height:.1}");
            if !drawing {
                path.push_str("h.1");
            }
        }
        drawing = value.is_some();
    }
    path
}

/// A round number of which a few make up `highest`.
fn step(highest: f64) -> f64 {
    let rough = (highest / TICKS).max(f64::MIN_POSITIVE);
    if highest <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| *step >= rough).unwrap_or(power * 10.0)
}

#[expect(clippy::cast_precision_loss, reason = "seconds of a load")]
fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_is_of_round_numbers() {
        for (highest, wanted) in [(0.0, 1.0), (4.0, 1.0), (17.0, 5.0), (100.0, 20.0), (0.3, 0.1), (2600.0, 1000.0)] {
            assert!((step(highest) - wanted).abs() < 1e-9, "{highest}: {}", step(highest));
        }
    }

    #[test]
    fn a_line_is_broken_where_nothing_was_measured() {
        let drawn = path(&[Some(1.0), Some(2.0), None, Some(3.0)], |x| x, |y| y);
        assert_eq!(drawn, "M0.0 1.0h.1L1.0 2.0M3.0 3.0h.1");
    }

    #[test]
    fn nothing_at_all_is_a_plot_too() {
        let svg = plot("nothing", &[Line { name: "a", colour: "red", values: vec![] }]);
        assert!(svg.ends_with("</svg>") && !svg.contains("NaN"), "{svg}");
    }
}
