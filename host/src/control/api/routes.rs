//! Everything that can be asked for, and who may.

use std::collections::HashMap;
use std::sync::LazyLock;

use http::{Method, StatusCode};
use matchit::Router;

use super::allowed;
use super::problem::Problem;
use crate::store::Role;

/// One thing that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Channels,
    CreateChannel,
    Channel,
    ChangeChannel,
    DeleteChannel,
    RotateKey,
    Releases,
    Deploy,
    Release,
    Diff,
    Activate,
    Rollback,
    Receipts,
    Prune,
    DeleteRelease,
    Breakers,
    ResetBreakers,
    Calls,
    Call,
    Logs,
    Secrets,
    PutSecret,
    DeleteSecret,
    Notifications,
    ReplayNotifications,
    DropNotifications,
    Notification,
    ReplayNotification,
    DropNotification,
    Tokens,
    CreateToken,
    RevokeToken,
    Status,
    Metrics,
}

/// How it is asked for, and by whom.
#[derive(Debug, Clone)]
pub(super) struct Route {
    method: Method,
    path: &'static str,
    pub(super) endpoint: Endpoint,
    /// The lowest role that may.
    pub(super) need: Role,
    /// Not for tokens that are limited to some channels.
    pub(super) whole_node: bool,
}

/// What stood in the path at the places in braces.
#[derive(Debug, Default)]
pub(super) struct Params(HashMap<String, String>);

impl Params {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

const WHOLE_NODE: bool = true;
const CHANNEL: bool = false;

fn routes() -> Vec<Route> {
    use Endpoint as E;
    use Role::{Admin, Deploy, Read};
    let route = |method, path, endpoint, need, whole_node| Route { method, path, endpoint, need, whole_node };
    vec![
        route(Method::GET, "/v1/channels", E::Channels, Read, CHANNEL),
        route(Method::POST, "/v1/channels", E::CreateChannel, Admin, WHOLE_NODE),
        route(Method::GET, "/v1/channels/{channel}", E::Channel, Read, CHANNEL),
        route(Method::PATCH, "/v1/channels/{channel}", E::ChangeChannel, Admin, CHANNEL),
        route(Method::DELETE, "/v1/channels/{channel}", E::DeleteChannel, Admin, CHANNEL),
        route(Method::POST, "/v1/channels/{channel}/keys/{kind}/rotate", E::RotateKey, Admin, CHANNEL),
        route(Method::GET, "/v1/channels/{channel}/releases", E::Releases, Read, CHANNEL),
        route(Method::POST, "/v1/channels/{channel}/releases", E::Deploy, Deploy, CHANNEL),
        route(Method::GET, "/v1/channels/{channel}/releases/{n}", E::Release, Read, CHANNEL),
        route(Method::GET, "/v1/channels/{channel}/diff", E::Diff, Read, CHANNEL),
        route(Method::POST, "/v1/channels/{channel}/activate", E::Activate, Deploy, CHANNEL),
        route(Method::POST, "/v1/channels/{channel}/rollback", E::Rollback, Deploy, CHANNEL),
        route(Method::GET, "/v1/channels/{channel}/receipts", E::Receipts, Read, CHANNEL),
        route(Method::DELETE, "/v1/channels/{channel}/releases/{n}", E::DeleteRelease, Deploy, CHANNEL),
        route(Method::POST, "/v1/channels/{channel}/prune", E::Prune, Deploy, CHANNEL),
        route(Method::GET, "/v1/channels/{channel}/breakers", E::Breakers, Read, CHANNEL),
        route(Method::POST, "/v1/channels/{channel}/breakers/reset", E::ResetBreakers, Deploy, CHANNEL),
        route(Method::GET, "/v1/channels/{channel}/calls", E::Calls, Read, CHANNEL),
        route(Method::GET, "/v1/calls/{id}", E::Call, Read, CHANNEL),
        route(Method::GET, "/v1/channels/{channel}/logs", E::Logs, Read, CHANNEL),
        route(Method::GET, "/v1/channels/{channel}/secrets", E::Secrets, Read, CHANNEL),
        route(Method::PUT, "/v1/channels/{channel}/secrets/{name}", E::PutSecret, Deploy, CHANNEL),
        route(Method::DELETE, "/v1/channels/{channel}/secrets/{name}", E::DeleteSecret, Deploy, CHANNEL),
        route(Method::GET, "/v1/channels/{channel}/notifications", E::Notifications, Read, CHANNEL),
        route(Method::POST, "/v1/channels/{channel}/notifications/replay", E::ReplayNotifications, Deploy, CHANNEL),
        route(Method::POST, "/v1/channels/{channel}/notifications/drop", E::DropNotifications, Deploy, CHANNEL),
        route(Method::GET, "/v1/notifications/{id}", E::Notification, Read, CHANNEL),
        route(Method::POST, "/v1/notifications/{id}/replay", E::ReplayNotification, Deploy, CHANNEL),
        route(Method::DELETE, "/v1/notifications/{id}", E::DropNotification, Deploy, CHANNEL),
        route(Method::GET, "/v1/tokens", E::Tokens, Admin, WHOLE_NODE),
        route(Method::POST, "/v1/tokens", E::CreateToken, Admin, WHOLE_NODE),
        route(Method::DELETE, "/v1/tokens/{id}", E::RevokeToken, Admin, WHOLE_NODE),
        route(Method::GET, "/v1/status", E::Status, Read, CHANNEL),
        route(Method::GET, "/metrics", E::Metrics, Read, WHOLE_NODE),
    ]
}

static ROUTER: LazyLock<Router<Vec<Route>>> = LazyLock::new(|| {
    let mut by_path: HashMap<&str, Vec<Route>> = HashMap::new();
    for route in routes() {
        by_path.entry(route.path).or_default().push(route);
    }
    let mut router = Router::new();
    for (path, routes) in by_path {
        #[expect(clippy::expect_used, reason = "the paths are constants; a test finds every one of them")]
        router.insert(path, routes).expect("no two paths are in each other's way");
    }
    router
});

/// What is asked for, and what its path names.
pub(super) fn find(method: &Method, path: &str) -> Result<(&'static Route, Params), Problem> {
    let not_found = |_| Problem::not_found("no-such-path", format!("there is nothing at {path}"));
    let found = ROUTER.at(path).map_err(not_found)?;
    let Some(route) = found.value.iter().find(|route| route.method == *method) else {
        let methods = allowed(found.value.iter().map(|route| &route.method));
        let mut problem = Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            format!("{path} takes {methods}, not {method}"),
        );
        problem.allow = Some(methods);
        return Err(problem);
    };
    let params = found.params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Ok((route, Params(params)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_found_under_its_own_path() {
        for route in routes() {
            let path = route.path.replace(['{', '}'], "");
            let (found, _) = find(&route.method, &path).unwrap();
            assert_eq!(found.endpoint, route.endpoint, "{path}");
        }
    }

    #[test]
    fn a_wrong_method_names_the_right_ones() {
        let problem = find(&Method::PUT, "/v1/channels").unwrap_err();
        assert_eq!(problem.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(problem.allow.as_deref(), Some("GET, POST"));
    }

    #[test]
    fn an_unknown_path_is_not_found() {
        for path in ["/", "/v1", "/v1/channels/", "/v1/channels/a/b", "/v1/channels/a/releases/1/2"] {
            assert_eq!(find(&Method::GET, path).unwrap_err().status, StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn what_a_path_names_is_handed_on() {
        let (_, params) = find(&Method::POST, "/v1/channels/acme/keys/sdk/rotate").unwrap();
        assert_eq!((params.get("channel"), params.get("kind"), params.get("id")), (Some("acme"), Some("sdk"), None));
    }
}
