//! Money is a whole number of cents wherever it is kept.

use crate::invariants::{
    Claim,
    history::History,
    told::Fault,
    violation::{Findings, Object},
};

pub(super) fn judge(history: &History, findings: &mut Findings) {
    for column in history.columns.iter().filter(|column| !matches!(column.kind.as_str(), "bigint" | "bigint[]")) {
        findings.add(Claim::Money, [Object::Column(column.name.clone())], "bigint", &column.kind);
    }
    for unreadable in &history.unreadable {
        let claim = match unreadable.fault {
            Fault::Money(_) => Claim::Money,
            Fault::Malformed | Fault::Kind(_) | Fault::Data(_) => Claim::Contents,
        };
        let object = [Object::Column(unreadable.object.clone())];
        findings.add(claim, object, "what the shop writes", &unreadable.fault);
    }
}
