//! What an order comes to. Tax and shipping are charged on the order, never on its lines.

use crate::ledger::Record;
use wharf_sdk::Decimal;
use wharf_sdk::orders::{OrderCharges, SalesOrderLine, TransactionKind};

const SHIPPING: Decimal = Decimal::new(595, 2);
const FREE_SHIPPING_FROM: Decimal = Decimal::new(10_000, 2);

/// The decimals of a charge.
const CENTS: u8 = 2;

/// The price of `units` of a line.
pub(crate) fn goods(line: &SalesOrderLine, units: i64) -> Decimal {
    line.charges.unit_price.unwrap_or_default() * units
}

/// Shipping for goods of that worth.
pub(crate) fn shipping(goods: Decimal) -> Decimal {
    if goods >= FREE_SHIPPING_FROM { Decimal::ZERO } else { SHIPPING }
}

/// The charges on top of goods of that worth.
pub(crate) fn charges(goods: Decimal, shipping: Decimal, discount_pct: Decimal, tax_pct: Decimal) -> OrderCharges {
    let discount = goods.percent(discount_pct).round(CENTS);
    OrderCharges {
        shipping_amt: Some(shipping),
        tax_amt: Some((goods - discount).percent(tax_pct).round(CENTS)),
        discount_amt: Some(discount),
    }
}

/// Goods and charges together.
pub(crate) fn total(goods: Decimal, charges: &OrderCharges) -> Decimal {
    goods + charges.shipping_amt.unwrap_or_default() + charges.tax_amt.unwrap_or_default()
        - charges.discount_amt.unwrap_or_default()
}

impl Record {
    /// What the lines cost as ordered.
    pub(crate) fn goods(&self) -> Decimal {
        self.order.lines.iter().map(|line| goods(line, line.quantity)).sum()
    }

    /// What the order costs, less what was cancelled.
    pub(crate) fn payable(&self) -> Decimal {
        let kept: Vec<(Decimal, i64)> = self
            .order
            .lines
            .iter()
            .map(|line| (self.kept(line), line))
            .map(|(units, line)| (goods(line, units), units))
            .collect();
        if kept.iter().all(|(_, units)| *units == 0) {
            return Decimal::ZERO;
        }
        let goods = kept.iter().map(|(goods, _)| goods).sum();
        let shipping = self.order.charges.shipping_amt.unwrap_or_default();
        total(goods, &charges(goods, shipping, self.discount_pct, self.tax_pct))
    }

    /// What was paid when the order was placed, in another way than by an authorisation.
    pub(crate) fn paid_at_once(&self) -> Decimal {
        let payments = self.order.payments.iter();
        payments.filter(|payment| payment.kind != TransactionKind::Auth).map(|payment| payment.amount).sum()
    }

    /// What may still be captured.
    pub(crate) fn balance(&self) -> Decimal {
        self.payable() - self.paid_at_once() - self.settled.values().sum::<Decimal>()
    }
}
