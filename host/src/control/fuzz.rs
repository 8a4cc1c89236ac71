//! What a release is to be made of, nearly right: refused, or good enough for everything that is read from it later.

use bolero::check;
use wharf_fuzz::{Dice, spoil_json, within_limits};

use super::spec::{Spec, environment};
use crate::config::Config;
use crate::guest::{Limits, Owner};
use crate::store::{Digest, LimitOverrides, Timestamp};

const SPEC: &str = r#"{"config":{"a":"b"},"grants":{"hosts":["api.example.com","*.example.com:8443","[2001:db8::1]:443"],"key_value":true,
    "platform":{"base_url":"https://erp.example.com:8443/ProdClients/ACME/RESTWS/","header":"x-token","value":"Bearer {{secret:API_KEY}}"}},
    "secrets":["API_KEY","OTHER@3","THIRD@latest"],"limits":{"memory":33554432,"deadline_ms":5000,"in_flight":8},
    "platform_origin":"https://app.example.com","note":"why","activate":true,"skip_preflight":false,"wait":true,
    "preflight":{"replies":[],"cases":[]}}"#;

#[test]
fn a_specification_that_passes_makes_an_environment() {
    let config = Config::default();
    let owner = Owner { channel: "acme".into(), created: Timestamp(0) };
    assert!(serde_json::from_str::<Spec>(SPEC).unwrap().check(&config).is_ok());
    check!().for_each(|script: &[u8]| {
        let json = spoil_json(SPEC, &mut Dice::new(script));
        within_limits(|| {
            let Ok(spec) = serde_json::from_str::<Spec>(&json) else { return };
            let _ = spec.notes(&config, &LimitOverrides::default());
            if spec.check(&config).is_ok() {
                let release = spec.into_release(Digest::of(b"x"), "somebody".to_owned());
                let limits = Limits::of(&config, 256, &LimitOverrides::default(), &release.limits);
                assert!(environment(owner.clone(), &release, limits).is_ok(), "{json}");
            }
        });
    });
}
