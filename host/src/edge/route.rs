//! Which channel and which door a request is for: by path and host, never by what the body says.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use http::request::Parts;
use http::{Method, header};
use matchit::Router;
use wharf_protocol::sdk::Interaction;

use super::problem::Problem;
use crate::table::{Channel, Table};

/// What a request wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Door {
    /// Is the process alive?
    Health,
    /// Should it get requests?
    Ready,
    /// An SDK interaction.
    Sdk(Interaction),
    /// A notification.
    Notifications,
    /// A payment page, with the token of its path.
    Payment(String),
}

/// Where a request leads. The channel may not exist: that is found out together with its key.
pub(super) struct Place<'t> {
    pub(super) channel: Option<&'t Arc<Channel>>,
    pub(super) door: Door,
}

#[derive(Clone, Copy)]
enum Pattern {
    Health,
    Ready,
    Call,
    Notifications,
    Payment,
}

/// The paths of DESIGN's edge; the second half is for channels with a host name of their own.
static ROUTES: LazyLock<Router<Pattern>> = LazyLock::new(|| {
    let mut routes = Router::new();
    for (path, pattern) in [
        ("/healthz", Pattern::Health),
        ("/readyz", Pattern::Ready),
        ("/channels/{channel}/{call}", Pattern::Call),
        ("/channels/{channel}/notifications", Pattern::Notifications),
        ("/channels/{channel}/payment/{token}", Pattern::Payment),
        ("/{call}", Pattern::Call),
        ("/notifications", Pattern::Notifications),
        ("/payment/{token}", Pattern::Payment),
    ] {
        // The paths are constants; a test visits each.
        let _ = routes.insert(path, pattern);
    }
    routes
});

pub(super) fn route<'t>(table: &'t Table, head: &Parts) -> Result<Place<'t>, Problem> {
    let path = collapsed(head.uri.path());
    let found = ROUTES.at(&path).map_err(|_| Problem::no_such_path())?;
    let channel = match found.params.get("channel") {
        Some(name) => table.channel(name),
        None => head
            .headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
            .and_then(|host| table.channel_of_host(&host_name(host))),
    };
    let door = match found.value {
        Pattern::Health => Door::Health,
        Pattern::Ready => Door::Ready,
        Pattern::Call => {
            let interaction =
                found.params.get("call").and_then(Interaction::of_path).ok_or_else(Problem::no_such_path)?;
            Door::Sdk(interaction)
        }
        Pattern::Notifications => Door::Notifications,
        Pattern::Payment => Door::Payment(found.params.get("token").unwrap_or_default().to_owned()),
    };
    let (allowed, list): (&[Method], _) = match door {
        Door::Health | Door::Ready => (&[Method::GET, Method::HEAD], "GET, HEAD"),
        Door::Sdk(_) | Door::Notifications => (&[Method::POST], "POST"),
        Door::Payment(_) => (&[Method::GET, Method::HEAD, Method::POST], "GET, HEAD, POST"),
    };
    if allowed.contains(&head.method) { Ok(Place { channel, door }) } else { Err(Problem::wrong_method(list)) }
}

/// The path with runs of slashes made one: a base URL that ends in a slash sends `//order_pull_v1`, and the platform's client
/// turns a redirect into a GET (retailops-sdk section 1).
fn collapsed(path: &str) -> Cow<'_, str> {
    if !path.contains("//") {
        return Cow::Borrowed(path);
    }
    let mut out = String::with_capacity(path.len());
    for c in path.chars() {
        if c != '/' || !out.ends_with('/') {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

fn host_name(host: &str) -> String {
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(host, |(name, _)| name);
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn door(method: &str, path: &str) -> Result<Door, u16> {
        let (head, ()) = Request::builder().method(method).uri(path).body(()).unwrap().into_parts();
        route(&Table::default(), &head).map(|place| place.door).map_err(|problem| problem.status())
    }

    #[test]
    fn every_path_of_the_edge_has_its_door() {
        assert_eq!(door("GET", "/healthz"), Ok(Door::Health));
        assert_eq!(door("GET", "/readyz"), Ok(Door::Ready));
        assert_eq!(door("POST", "/channels/acme/notifications"), Ok(Door::Notifications));
        assert_eq!(door("POST", "/notifications"), Ok(Door::Notifications));
        assert_eq!(door("GET", "/channels/acme/payment/abc?storeID=1"), Ok(Door::Payment("abc".into())));
        assert_eq!(door("GET", "/payment/abc"), Ok(Door::Payment("abc".into())));
        for interaction in Interaction::ALL {
            assert_eq!(door("POST", &format!("/channels/acme/{}", interaction.path())), Ok(Door::Sdk(interaction)));
            assert_eq!(door("POST", &format!("/{}", interaction.path())), Ok(Door::Sdk(interaction)));
        }
    }

    #[test]
    fn duplicate_slashes_are_tolerated_everywhere() {
        assert_eq!(door("POST", "//channels///acme//order_pull_v1"), Ok(Door::Sdk(Interaction::OrderPull)));
        assert_eq!(door("POST", "//order_pull_v1"), Ok(Door::Sdk(Interaction::OrderPull)));
    }

    #[test]
    fn no_such_path_is_404_and_a_wrong_method_405() {
        for path in [
            "/",
            "/channels/acme/order_pull",
            "/channels/acme/order_pull_v2",
            "/channels/acme",
            "/channels/acme/x/y/z",
            "/order_pull_v1/",
        ] {
            assert_eq!(door("POST", path), Err(404), "{path}");
        }
        for (method, path) in [
            ("GET", "/channels/acme/order_pull_v1"),
            ("PUT", "/notifications"),
            ("DELETE", "/payment/x"),
            ("POST", "/healthz"),
            ("OPTIONS", "/order_pull_v1"),
        ] {
            assert_eq!(door(method, path), Err(405), "{method} {path}");
        }
    }

    #[test]
    fn a_host_is_known_without_its_port_and_in_any_case() {
        assert_eq!(host_name("Acme.Example.com:8080"), "acme.example.com");
        assert_eq!(host_name("acme.example.com."), "acme.example.com");
    }
}
