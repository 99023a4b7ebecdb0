//! What is wanted of the traces that the services send.

use crate::model::{Model, Tab};

/// What is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Look {
    #[default]
    Nothing,
    /// Who calls whom.
    Traffic,
    /// The spans of an order, laid out for so many columns.
    Order { id: i64, columns: u16, ascii: bool },
}

impl Look {
    pub(crate) fn of(model: &Model) -> Self {
        match (model.tab, model.orders.selected) {
            (Tab::Flow, _) => Self::Traffic,
            (Tab::Orders, Some(id)) if model.orders.opened => {
                Self::Order { id, columns: model.size.width, ascii: model.theme.ascii }
            }
            _ => Self::Nothing,
        }
    }
}
