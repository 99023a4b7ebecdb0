//! Money as whole cents. Floating point exists only on the wire.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount of money, in cents, never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Cents(i64);

/// Why an integer is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} cents is less than nothing")]
pub struct Negative(i64);

impl Cents {
    pub const ZERO: Self = Self(0);
    /// The dearest a product may be: 999,999.99.
    pub const MAX_PRICE: Self = Self(99_999_999);
    /// The most an order may cost: its cents fit the 32-bit integers of GraphQL.
    pub const MAX_TOTAL: Self = Self(i32::MAX as i64);

    /// `None` if negative.
    pub const fn new(cents: i64) -> Option<Self> {
        if cents < 0 { None } else { Some(Self(cents)) }
    }

    /// A price as JSON and protobuf carry it: `None` unless it is, to the last bit, the double of a whole number of
    /// cents between 0.00 and [`Cents::MAX_PRICE`].
    pub fn from_wire(price: f64) -> Option<Self> {
        if !(0.0..=Self::MAX_PRICE.to_wire()).contains(&price) {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "the range was checked: it has eight digits at most")]
        let cents = Self((price * 100.0).round() as i64);
        #[expect(clippy::float_cmp, reason = "the very same double is what is asked for")]
        (cents.to_wire() == price).then_some(cents)
    }

    /// The double nearest to the amount, exact to the cent for every amount that the shop knows.
    #[expect(clippy::cast_precision_loss, reason = "amounts stay far below 2^53 cents")]
    pub const fn to_wire(self) -> f64 {
        self.0 as f64 / 100.0
    }

    pub const fn get(self) -> i64 {
        self.0
    }

    /// `None` beyond what an `i64` holds.
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// `None` beyond what an `i64` holds.
    pub fn times(self, quantity: u32) -> Option<Self> {
        self.0.checked_mul(i64::from(quantity)).map(Self)
    }

    /// The sum of prices times quantities; `None` beyond [`Cents::MAX_TOTAL`].
    pub fn total(lines: impl IntoIterator<Item = (Self, u32)>) -> Option<Self> {
        lines
            .into_iter()
            .try_fold(Self::ZERO, |sum, (price, quantity)| sum.plus(price.times(quantity)?))
            .filter(|total| *total <= Self::MAX_TOTAL)
    }
}

impl TryFrom<i64> for Cents {
    type Error = Negative;

    fn try_from(cents: i64) -> Result<Self, Negative> {
        Self::new(cents).ok_or(Negative(cents))
    }
}

impl From<Cents> for i64 {
    fn from(cents: Cents) -> Self {
        cents.0
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("{}.{:02}", self.0 / 100, self.0 % 100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_price_is_accepted_only_if_it_is_a_whole_number_of_cents() {
        for (price, cents) in [(0.0, 0), (0.01, 1), (0.29, 29), (1.15, 115), (19.99, 1999), (999_999.99, 99_999_999)] {
            assert_eq!(Cents::from_wire(price), Cents::new(cents), "{price}");
        }
        for price in [
            -0.01,
            0.001,
            0.1 + 0.2,
            1.005,
            1_000_000.0,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MAX,
            f64::MIN_POSITIVE,
        ] {
            assert_eq!(Cents::from_wire(price), None, "{price}");
        }
    }

    #[test]
    fn every_price_survives_the_wire() {
        for cents in (0..=99_999_999).step_by(997) {
            let cents = Cents::new(cents).expect("not negative");
            assert_eq!(Cents::from_wire(cents.to_wire()), Some(cents));
        }
    }

    #[test]
    fn a_total_beyond_what_graphql_can_carry_is_refused() {
        let dearest = Cents::MAX_PRICE;
        assert_eq!(Cents::total([(dearest, 21)]), Cents::new(2_099_999_979));
        assert_eq!(Cents::total([(dearest, 22)]), None);
        assert_eq!(Cents::total(std::iter::repeat_n((dearest, u32::MAX), 100)), None);
        assert_eq!(Cents::total([]), Some(Cents::ZERO));
    }

    #[test]
    fn amounts_are_shown_with_two_digits() {
        assert_eq!(Cents(5).to_string(), "0.05");
        assert_eq!(format!("{:>8}", Cents(123_456)), " 1234.56");
        assert_eq!(Cents::new(-1), None);
    }

    proptest! {
        #[test]
        fn a_price_is_whole_cents_to_the_last_bit_or_none(bits: u64, near in 0..100_000_000_i64, off in -2..=2_i64) {
            let exact = Cents(near).to_wire();
            for price in [f64::from_bits(bits), f64::from_bits(exact.to_bits().wrapping_add_signed(off))] {
                if let Some(cents) = Cents::from_wire(price) {
                    prop_assert!((Cents::ZERO..=Cents::MAX_PRICE).contains(&cents), "{}", price);
                    prop_assert_eq!(cents.to_wire().to_bits(), if price == 0.0 { 0 } else { price.to_bits() });
                }
            }
        }
    }
}
