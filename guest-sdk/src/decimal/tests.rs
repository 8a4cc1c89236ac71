use super::Decimal;
use std::collections::HashSet;

fn decimal(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

#[test]
fn text_survives_a_round_trip_with_its_digits() {
    for text in [
        "0",
        "0.00",
        "30",
        "27.50",
        "-0.05",
        "-12.5",
        "0.000001",
        "9223372036854775807",
        "-9223372036854775808",
        "-9.223372036854775808",
    ] {
        assert_eq!(decimal(text).to_string(), text);
    }
    assert_eq!((decimal("+27.50").units, decimal("+27.50").scale), (2750, 2));
    assert_eq!(format!("[{:>8}] [{:<7}]", decimal("-1.50"), decimal("2")), "[   -1.50] [2      ]");
}

#[test]
fn anything_but_digits_and_a_point_is_refused() {
    for text in ["", "-", ".", "1.", ".5", "1e3", "1,5", " 1", "1 ", "--1", "1.2.3", "١", "9223372036854775808", "NaN"]
    {
        assert!(text.parse::<Decimal>().is_err(), "{text:?} was read");
    }
}

#[test]
fn numbers_compare_by_value() {
    assert_eq!(decimal("1.5"), decimal("1.50"));
    assert_eq!(decimal("0.00"), decimal("0"));
    assert!(decimal("1.49") < decimal("1.5"));
    assert!(decimal("-2") < decimal("-1.99"));
    assert!(decimal("-0.1") < Decimal::ZERO);
    let tiny = Decimal::new(1, 60);
    assert!(tiny < Decimal::new(1, 0) && Decimal::new(1, 0) > tiny && -tiny > Decimal::new(-1, 0));
    assert!(Decimal::new(-1, 0) < -tiny && tiny > Decimal::ZERO);
    let set: HashSet<Decimal> = ["1.5", "1.50", "1.500", "0", "0.0"].map(decimal).into();
    assert_eq!(set.len(), 2);
}

#[test]
fn sums_are_exact_and_keep_the_larger_scale() {
    assert_eq!((decimal("0.1") + decimal("0.25")).to_string(), "0.35");
    assert_eq!((decimal("1.50") - decimal("1.5")).to_string(), "0.00");
    assert_eq!((decimal("1.50") * 2).to_string(), "3.00");
    assert_eq!((-decimal("1.50")).to_string(), "-1.50");
    assert_eq!([decimal("0.10"); 3].iter().sum::<Decimal>().to_string(), "0.30");
    let mut sum = decimal("1");
    sum += decimal("0.5");
    sum -= decimal("2");
    assert_eq!(sum.to_string(), "-0.5");
}

#[test]
fn percent_is_exact_until_it_is_rounded() {
    assert_eq!(decimal("10.00").percent(decimal("8.25")).to_string(), "0.825000");
    assert_eq!(decimal("10.00").percent(decimal("8.25")).round(2).to_string(), "0.82");
    assert_eq!(decimal("80").percent(decimal("-25")), decimal("-20"));
}

#[test]
fn halves_are_rounded_to_the_even_digit() {
    for (text, rounded) in [
        ("2.345", "2.34"),
        ("2.355", "2.36"),
        ("2.3451", "2.35"),
        ("-2.345", "-2.34"),
        ("-2.355", "-2.36"),
        ("0.005", "0.00"),
        ("0.015", "0.02"),
        ("2.344", "2.34"),
        ("2", "2"),
        ("2.5", "2.5"),
    ] {
        assert_eq!(decimal(text).round(2).to_string(), rounded, "{text}");
    }
    assert_eq!(decimal("2.5").round(0).to_string(), "2");
    assert_eq!(decimal("3.5").round(0).to_string(), "4");
    assert_eq!(Decimal::new(7, 60).round(2).to_string(), "0.00");
    assert_eq!(Decimal::new(i64::MAX, 19).round(0).to_string(), "1");
}

#[test]
fn rescale_gives_exactly_so_many_decimals() {
    assert_eq!(decimal("2.5").rescale(2).map(|number| number.to_string()), Some("2.50".into()));
    assert_eq!(decimal("2.555").rescale(2).map(|number| number.to_string()), Some("2.56".into()));
    assert_eq!(Decimal::MAX.rescale(1), None);
    assert_eq!(Decimal::ZERO.rescale(200).map(|number| number.scale), Some(200));
}

#[test]
fn what_has_no_place_is_none_or_stops_at_the_limit() {
    assert_eq!(Decimal::MAX.checked_add(decimal("1")), None);
    assert_eq!(Decimal::MAX + decimal("1"), Decimal::MAX);
    assert_eq!(Decimal::MIN - decimal("1"), Decimal::MIN);
    assert_eq!(Decimal::MIN.checked_sub(decimal("1")), None);
    assert_eq!(Decimal::MAX * -2, Decimal::MIN);
    assert_eq!(Decimal::MAX.checked_mul(2), None);
    assert_eq!(-Decimal::MIN, Decimal::MAX);
    assert_eq!(Decimal::MAX.percent(Decimal::MAX), Decimal::MAX);
    assert_eq!(Decimal::new(1, 255).checked_percent(Decimal::new(1, 255)), None);
    assert_eq!(Decimal::MAX.checked_add(Decimal::new(1, 250)), None);
    // Trailing zeros are dropped rather than the sum.
    assert_eq!(Decimal::MAX.checked_sub(decimal("0.00")), Some(Decimal::MAX));
}

#[test]
fn json_is_text_and_reads_numbers_too() {
    assert_eq!(serde_json::to_string(&decimal("27.50")).expect("JSON"), "\"27.50\"");
    for (json, text) in [("\"27.50\"", "27.50"), ("27.5", "27.5"), ("3", "3"), ("-3", "-3")] {
        assert_eq!(serde_json::from_str::<Decimal>(json).expect("a decimal").to_string(), text);
    }
    assert!(serde_json::from_str::<Decimal>("\"x\"").is_err());
    assert!(serde_json::from_str::<Decimal>("18446744073709551615").is_err());
}
