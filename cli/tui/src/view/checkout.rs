//! A scripted checkout: its steps as they tick, and what failed.

use ratatui::text::{Line as Row, Span};

use crate::{
    checkout::Outcome,
    model::Model,
    text::{fit, fit_right, plain},
    theme::Tone,
};

pub(super) fn rows(model: &Model) -> Vec<Row<'static>> {
    let theme = model.theme;
    let checkout = &model.checkout;
    if !checkout.runs && checkout.end.is_none() {
        return vec![
            Row::styled(
                " buys a real basket through the gateway, and proves step by step that the order came out right",
                theme.style(Tone::Quiet),
            ),
            Row::default(),
            Row::from(vec![Span::styled(" c ", theme.style(Tone::Key)), Span::raw("plays a checkout")]),
        ];
    }
    let mut rows = Vec::new();
    for step in &checkout.steps {
        let took = if step.seconds < 1.0 {
            format!("{:.0} ms", step.seconds * 1000.0)
        } else {
            format!("{:.2} s", step.seconds)
        };
        let (state, detail) = match &step.outcome {
            Outcome::Held { detail } => ("completed", plain(detail)),
            Outcome::Failed { .. } => ("failed", String::new()),
        };
        let (sign, tone) = theme.state(state);
        rows.push(Row::from(vec![
            Span::styled(format!(" {sign} "), theme.style(tone)),
            Span::styled(fit_right(&took, 8, theme.ascii), theme.style(Tone::Quiet)),
            Span::raw("  "),
            Span::styled(
                fit(&plain(&step.name), 34, theme.ascii),
                theme.style(if state == "failed" { Tone::Strong } else { Tone::Plain }),
            ),
            Span::raw(" "),
            Span::styled(detail, theme.style(Tone::Quiet)),
        ]));
        if let Outcome::Failed { expected, observed } = &step.outcome {
            rows.push(Row::raw(format!("              expected {}", plain(expected))));
            rows.push(Row::from(vec![
                Span::raw("              observed "),
                Span::styled(plain(observed), theme.style(Tone::Bad)),
            ]));
        }
    }
    rows.push(Row::default());
    rows.push(match &checkout.end {
        None => Row::styled(format!(" {} under way", theme.state("starting").0), theme.style(Tone::Busy)),
        Some(Err(why)) => Row::styled(format!(" {}", plain(why)), theme.style(Tone::Bad)),
        Some(Ok(report)) if report.held => {
            let order = report.order.map(|id| format!("order {id} is ")).unwrap_or_default();
            let text = format!(
                " {order}PAID, and all that follows from it is so ({:.2} s); Enter shows its way",
                report.seconds
            );
            Row::styled(text, theme.style(Tone::Good))
        }
        Some(Ok(report)) => {
            let order = report.order.map(|id| format!("; Enter shows the way of order {id}")).unwrap_or_default();
            Row::styled(format!(" it failed after {:.2} s{order}", report.seconds), theme.style(Tone::Bad))
        }
    });
    rows
}
