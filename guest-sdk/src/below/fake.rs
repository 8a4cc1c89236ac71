//! The fake that stands in for Wharf in a plugin's tests.

use crate::http::{self, Request, Response, split_url};
use crate::kv::Error;
use crate::log::Level;
use crate::platform;
use crate::testing::{World, with_world};

pub(crate) fn enter() {}

const NO_WORLD: &str = "there is no host here: wrap the call in wharf_sdk::testing::Fake::run";

pub(crate) fn config_get(key: &str) -> Result<Option<String>, String> {
    with_world(|world| world.config.get(key).cloned()).ok_or_else(|| NO_WORLD.to_owned())
}

pub(crate) fn config_all() -> Result<Vec<(String, String)>, String> {
    with_world(|world| world.config.clone().into_iter().collect()).ok_or_else(|| NO_WORLD.to_owned())
}

pub(crate) fn log(level: Level, context: &str, message: &str) {
    with_world(|world| world.log(level, context, message));
}

pub(crate) fn raw_request() -> String {
    with_world(|world| world.raw_request.clone()).unwrap_or_default()
}

pub(crate) fn deadline() -> u64 {
    with_world(|world| world.deadline).unwrap_or_default()
}

fn store<R>(operation: impl FnOnce(&mut World) -> Result<R, Error>) -> Result<R, Error> {
    let checked = with_world(|world| if world.kv_denied { Err(Error::Denied) } else { operation(world) });
    checked.unwrap_or_else(|| Err(Error::Store(NO_WORLD.to_owned())))
}

pub(crate) fn kv_get(key: &str) -> Result<Option<Vec<u8>>, Error> {
    store(|world| Ok(world.read(key)))
}

pub(crate) fn kv_set(key: &str, value: &[u8]) -> Result<(), Error> {
    kv_set_many(&[(key.to_owned(), value.to_vec())])
}

pub(crate) fn kv_delete(key: &str) -> Result<(), Error> {
    kv_delete_many(&[key.to_owned()])
}

pub(crate) fn kv_exists(key: &str) -> Result<bool, Error> {
    store(|world| Ok(world.read(key).is_some()))
}

/// Pages are as short as they can be, so that a plugin which forgets the cursor fails its tests.
pub(crate) fn kv_keys(cursor: Option<&str>) -> Result<(Vec<String>, Option<String>), Error> {
    store(|world| {
        let mut keys = world.kv.keys().filter(|key| cursor.is_none_or(|cursor| key.as_str() > cursor));
        let page: Vec<String> = keys.by_ref().take(2).cloned().collect();
        let next = keys.next().and(page.last().cloned());
        Ok((page, next))
    })
}

pub(crate) fn kv_get_many(keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, Error> {
    store(|world| Ok(keys.iter().map(|key| world.read(key)).collect()))
}

pub(crate) fn kv_set_many(pairs: &[(String, Vec<u8>)]) -> Result<(), Error> {
    store(|world| world.commit(pairs))
}

pub(crate) fn kv_delete_many(keys: &[String]) -> Result<(), Error> {
    store(|world| {
        for key in keys {
            world.kv.remove(key);
        }
        world.commits += 1;
        Ok(())
    })
}

pub(crate) fn kv_increment(key: &str, delta: i64) -> Result<i64, Error> {
    store(|world| {
        let old = world.read(key).map_or(Some(0), |value| std::str::from_utf8(&value).ok()?.parse::<i64>().ok());
        let sum = old.and_then(|old| old.checked_add(delta));
        let sum = sum.ok_or_else(|| Error::Store(format!("key `{key}` is not a number that can be added to")))?;
        world.commit(&[(key.to_owned(), sum.to_string().into_bytes())])?;
        Ok(sum)
    })
}

/// A value as it was read, to be replaced only if nobody changed it.
pub(crate) struct Cas {
    key: String,
    seen: Option<Vec<u8>>,
}

impl Cas {
    pub(crate) fn new(key: &str) -> Result<Self, Error> {
        Ok(Self { key: key.to_owned(), seen: kv_get(key)? })
    }

    #[expect(clippy::unnecessary_wraps, reason = "the host's side can fail here")]
    pub(crate) fn current(&self) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.seen.clone())
    }

    /// Stores the value; gives a newer handle if somebody else was first.
    pub(crate) fn swap(self, value: &[u8]) -> Result<Option<Self>, Error> {
        store(|world| {
            world.meddle(&self.key);
            let now = world.kv.get(&self.key).cloned();
            if now != self.seen {
                return Ok(Some(Self { seen: now, ..self }));
            }
            world.commit(&[(self.key, value.to_vec())]).map(|()| None)
        })
    }
}

pub(crate) fn http_send(request: &Request) -> Result<Response, http::Error> {
    split_url(&request.url)?;
    let name = format!("{} {}", request.method, request.url);
    with_world(|world| {
        if !world.may_send() {
            return Err(http::Error::Denied("the call has sent all the requests it may".to_owned()));
        }
        world.requests.push(request.clone());
        let unprepared = || Err(http::Error::Denied(format!("no answer was prepared for `{name}`")));
        world.answers.get(&name).cloned().unwrap_or_else(unprepared)
    })
    .unwrap_or_else(|| Err(http::Error::Denied(NO_WORLD.to_owned())))
}

pub(crate) fn platform_send(request: platform::Request) -> Result<platform::Response, platform::Error> {
    use platform::Error;
    let path = request.path.strip_prefix('/').unwrap_or(&request.path);
    let stays = path.bytes().all(|byte| byte.is_ascii_graphic() && !br#"?#\{}<>"^`|"#.contains(&byte))
        && !path.contains("//")
        && !path.starts_with('/')
        && !path.is_empty()
        && !path.split('/').any(|segment| matches!(segment, "." | ".."));
    if !stays {
        return Err(Error::Invalid(format!("path `{path}` is none below the base URL")));
    }
    let pairs: Vec<_> = request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
    let name = format!("{} {path}{query}", request.method);
    with_world(|world| {
        if !world.may_send() {
            return Err(Error::Denied("the call has sent all the requests it may".to_owned()));
        }
        world.asked.push(request);
        let unprepared = || Err(Error::Denied(format!("no answer was prepared for `{name}`")));
        world.said.get(&name).cloned().unwrap_or_else(unprepared)
    })
    .unwrap_or_else(|| Err(Error::Denied(NO_WORLD.to_owned())))
}
