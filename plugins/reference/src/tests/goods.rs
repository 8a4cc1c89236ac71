use super::*;

fn push_catalog(fake: &mut Fake, feed: &str) -> Vec<Event> {
    let request = CatalogPushRequest { template_output: feed.to_owned() };
    fake.run(|| <Shop as Catalog>::push(&context(), request)).expect("a report").events
}

fn push_stock(fake: &mut Fake, updates: Vec<StockUpdate>) -> Vec<Event> {
    let request = InventoryPushRequest { updates };
    fake.run(|| <Shop as Inventory>::push(&context(), request)).expect("a report").events
}

fn stock(sku: &str, units: Option<i64>) -> StockUpdate {
    StockUpdate { sku: sku.to_owned(), quantity_available: units, details: Vec::new() }
}

fn query(ean: Option<&str>, catalog: Option<&str>) -> PriceQuery {
    PriceQuery {
        ean_code: ean.map(str::to_owned),
        catalog_internal_code: catalog.map(str::to_owned),
        ..PriceQuery::default()
    }
}

fn price(fake: &mut Fake, currency: Option<&str>, items: Vec<PriceQuery>) -> PricingAnswer {
    let request = PricingRequest {
        store_code: Some("S1".to_owned()),
        currency_code: currency.map(str::to_owned),
        items,
        ..PricingRequest::default()
    };
    fake.run(|| Shop::price(&context(), request)).expect("an answer")
}

#[test]
fn the_fanout_is_the_releases_choice() {
    let ask = |fake: &mut Fake| fake.run(|| Shop::get_config(&context())).map(|config| config.sku_fanout);
    assert_eq!(ask(&mut Fake::new()), Ok(SkuFanout::NoFanout));
    assert_eq!(ask(&mut Fake::new().config("sku_fanout", "related_skus")), Ok(SkuFanout::RelatedSkus));
    assert!(ask(&mut Fake::new().config("sku_fanout", "all")).is_err());
}

#[test]
fn stock_is_absolute_and_the_last_word_counts() {
    let mut fake = Fake::new();
    assert!(push_stock(&mut fake, vec![stock("S12345", Some(24)), stock("S12346", Some(-2))]).is_empty());
    assert_eq!(fake.commits(), 1);
    assert!(push_stock(&mut fake, vec![stock("S12345", Some(9))]).is_empty());
    assert_eq!((fake.value("stock/S12345").as_deref(), fake.value("stock/S12346").as_deref()), (Some("9"), Some("-2")));
}

#[test]
fn an_unknown_sku_is_an_event_and_never_sinks_the_batch() {
    let mut fake = Fake::new();
    let updates = vec![stock("S1", Some(1)), stock("", Some(1)), stock("S12345", None), stock("S12347", Some(5))];
    let events = push_stock(&mut fake, updates);
    assert_eq!(codes(&events), ["UNKNOWN_SKU", "MISSING_SKU", "MISSING_QUANTITY"]);
    let named = &events[0].associations[0];
    assert_eq!((named.kind, named.identifier.as_str()), (SubjectKind::SkuNumber, "S1"));
    assert_eq!(fake.keys(), ["stock/S12347"]);
}

#[test]
fn the_breakdown_counts_only_in_place_of_a_missing_figure() {
    let detail = |units| StockDetail { available_quantity: units, ..StockDetail::default() };
    let details = vec![detail(Some(4)), detail(None), detail(Some(3))];
    let mut fake = Fake::new();
    let with_figure = StockUpdate { details: details.clone(), ..stock("S12345", Some(24)) };
    let without = StockUpdate { details, ..stock("S12346", None) };
    assert!(push_stock(&mut fake, vec![with_figure, without]).is_empty());
    assert_eq!((fake.value("stock/S12345").as_deref(), fake.value("stock/S12346").as_deref()), (Some("24"), Some("7")));
}

#[test]
fn pushed_products_are_kept_and_known_from_then_on() {
    let mut fake = Fake::new();
    let feed =
        r#"{"data":{"Simple":[{"feed_data":{"sku":"NEW-1","title":"A","ean":"2000000999996","price":"12.50"}}]}}"#;
    assert!(push_catalog(&mut fake, feed).is_empty());
    assert!(push_catalog(&mut fake, feed).is_empty(), "safe to repeat");
    assert_eq!(fake.commits(), 1);
    assert!(push_stock(&mut fake, vec![stock("NEW-1", Some(3))]).is_empty());
    let answer = price(&mut fake, None, vec![query(Some("2000000999996"), None)]);
    assert_eq!(answer.items[0].unit_sales_price, decimal("12.50"));
}

#[test]
fn a_push_changes_what_it_says_and_nothing_else() {
    let mut fake = Fake::new();
    assert!(push_catalog(&mut fake, r#"[{"sku":"S12345","price":19.9}]"#).is_empty());
    let answer = price(&mut fake, None, vec![query(Some("2000000123455"), None), query(None, Some("S12345"))]);
    let prices: Vec<Decimal> = answer.items.iter().map(|item| item.unit_sales_price).collect();
    assert_eq!(prices, [decimal("19.9"); 2]);
    assert_eq!(answer.items[0].unit_cost_price, Some(decimal("9.80")));
}

#[test]
fn each_sku_that_fails_is_an_event_and_the_rest_is_kept() {
    let mut fake = Fake::new();
    let long = "x".repeat(61);
    let feed = format!(
        r#"[{{"sku":"A"}},{{"sku":"B","price":-1}},{{"sku":"C","price":"cheap"}},{{"sku":"{long}","price":1}},{{"sku":"D","price":1}}]"#
    );
    let events = push_catalog(&mut fake, &feed);
    assert_eq!(codes(&events), ["NO_PRICE", "BAD_AMOUNT", "BAD_AMOUNT", "BAD_SKU"]);
    assert_eq!(events[0].associations[0].identifier, "A");
    assert!(push_stock(&mut fake, vec![stock("D", Some(1))]).is_empty());
    assert_eq!(codes(&push_catalog(&mut fake, "not JSON")), ["BAD_FEED"]);
    assert!(push_catalog(&mut fake, "{}").is_empty());
}

#[test]
fn a_full_catalog_refuses_new_products_within_the_stores_limit() {
    let mut fake = Fake::new();
    let title = "\\\"".repeat(100);
    let product = |number| format!(r#"{{"sku":"P{number}","title":"{title}","price":"1.00"}}"#);
    let feed: Vec<String> = (0..400).map(product).collect();
    let events = push_catalog(&mut fake, &format!("[{}]", feed.join(",")));
    assert!(!events.is_empty() && codes(&events).iter().all(|code| *code == "CATALOG_FULL"));
    assert!(fake.value("catalog").is_some_and(|value| value.len() > 30_000));
    assert!(push_catalog(&mut fake, r#"[{"sku":"P0","price":"2.00"}]"#).is_empty(), "old products can still change");
}

#[test]
fn unknown_eans_are_left_out_and_named() {
    let answer = price(
        &mut Fake::new(),
        Some("USD"),
        vec![query(Some("2000000123455"), Some("C")), query(Some("404"), Some("C"))],
    );
    assert!(!answer.verdict.success && answer.verdict.message.contains("404"));
    assert_eq!(answer.items.len(), 1);
    let item = &answer.items[0];
    assert_eq!((item.ean_code.as_deref(), item.catalog_internal_code.as_deref()), (Some("2000000123455"), Some("C")));
    assert_eq!((answer.store_code.as_deref(), answer.currency_code.as_deref()), (Some("S1"), Some("USD")));
}

#[test]
fn known_eans_alone_are_a_success() {
    let answer = price(&mut Fake::new(), None, vec![query(Some("2000000123455"), None)]);
    assert_eq!((answer.verdict, answer.currency_code), (Verdict::ok(), None));
}

#[test]
fn another_currency_gets_no_prices() {
    let answer = price(&mut Fake::new(), Some("EUR"), vec![query(Some("2000000123455"), None)]);
    assert_eq!((answer.verdict.code.as_str(), answer.items.len()), ("OTHER_CURRENCY", 0));
    assert_eq!(answer.currency_code.as_deref(), Some("EUR"));
}

#[test]
fn an_ean_that_was_given_up_has_no_price() {
    let mut fake = Fake::new();
    push_catalog(&mut fake, r#"[{"sku":"S12345","ean":"2000000999996"}]"#);
    let answer = price(&mut fake, None, vec![query(Some("2000000123455"), None), query(Some("2000000999996"), None)]);
    assert_eq!(answer.items.len(), 1);
    assert_eq!(answer.items[0].ean_code.as_deref(), Some("2000000999996"));
}
