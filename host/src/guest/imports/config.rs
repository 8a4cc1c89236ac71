//! `wasi:config/store`: the release's settings.

use wasmtime::Result;

use super::bindings::wasi::config::store::{Error, Host};
use crate::guest::state::CallState;

impl Host for CallState {
    fn get(&mut self, key: String) -> Result<Result<Option<String>, Error>> {
        self.failpoint("config-get");
        Ok(Ok(self.environment.config.get(&key).cloned()))
    }

    fn get_all(&mut self) -> Result<Result<Vec<(String, String)>, Error>> {
        Ok(Ok(self.environment.config.iter().map(|(key, value)| (key.clone(), value.clone())).collect()))
    }
}
